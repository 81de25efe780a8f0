"""The machine image: what is in it, and how it comes to be, once, on an engine with or without a registry."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from provision.errors import ProvisionError
from provision.local.guest.files import FIRST_PROCESS, image_files
from provision.local.mirrors import Mirrors

REPOSITORY = "provision-machine"
RELEASE = "bookworm"
REGISTRY_IMAGE = "debian:12"
REGISTRY_PATIENCE_S = 20.0
BUILD_S = 900.0

# fmt: off
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "sudo", "python3", "ca-certificates",
    "iproute2", "curl", "nftables", "procps", "kmod", "iputils-ping", "less", "netbase", "tzdata",
)

# Timers that would take the package lock behind the operator's back, and units without a meaning in a container.
_MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "systemd-udevd.service", "systemd-udev-trigger.service",
    "systemd-networkd-wait-online.service", "getty@tty1.service", "modprobe@.service", "e2scrub_all.timer",
    "e2scrub_reap.service",
)
# fmt: on


class Builder(Protocol):
    """What a build asks of the Docker door."""

    def has_image(self, tag: str) -> bool: ...
    def pull(self, image: str, patience_s: float) -> bool: ...
    def import_image(self, archive: Path, tag: str) -> None: ...
    def build(self, context: Path, tag: str) -> None: ...


@dataclass(frozen=True)
class Progress:
    """How far the build is, in words and per cent."""

    percent: int
    text: str


@dataclass(frozen=True)
class Recipe:
    """Everything the image depends on; two recipes with the same content are the same image.

    It is built in two parts, so that a new guest agent does not cost the packages again.
    """

    mirrors: Mirrors
    packages: tuple[str, ...] = PACKAGES

    @property
    def root_tag(self) -> str:
        """The part with the packages."""
        return f"{REPOSITORY}-root:{_digest(self.packages, self.mirrors.lines(RELEASE))}"

    @property
    def tag(self) -> str:
        """The whole."""
        return f"{REPOSITORY}:{_digest(self.root_tag, sorted(image_files().items()), self.settings())}"

    def install(self) -> str:
        """The Dockerfile of the packages on top of Debian's own image."""
        return "\n".join(
            (
                f"FROM {REGISTRY_IMAGE}",
                "RUN rm -f /etc/apt/apt.conf.d/docker-*",
                *(["RUN rm -f /etc/apt/sources.list.d/debian.sources", "COPY files/ /"] if self.sources() else []),
                "RUN export DEBIAN_FRONTEND=noninteractive; apt-get update"
                f" && apt-get install -y --no-install-recommends {' '.join(self.packages)}",
            )
        )

    def sources(self) -> dict[str, tuple[int, str]]:
        """The file that names the mirrors, where they are known."""
        lines = self.mirrors.lines(RELEASE)
        return {"/etc/apt/sources.list": (0o644, "\n".join(lines) + "\n")} if lines else {}

    def settings(self) -> str:
        """The Dockerfile of our files on top of the packages."""
        return "\n".join(
            (
                f"FROM {self.root_tag}",
                "ENV container=docker TERM=dumb COLUMNS=200",
                "COPY files/ /",
                f"RUN {_FINISH}",
                "STOPSIGNAL SIGRTMIN+3",
                f'ENTRYPOINT ["{FIRST_PROCESS}"]',
            )
        )


def _digest(*content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]


_NETWORK = "`sudo apt-get update` shows whether Debian's packages can be reached from here"

# policy-rc.d keeps services from starting in Debian's own image; host keys belong to a machine, not to an image.
_FINISH = " && ".join(
    (
        "rm -f /etc/ssh/ssh_host_* /usr/sbin/policy-rc.d /etc/apt/apt.conf.d/docker-* /etc/dpkg/dpkg.cfg.d/docker-*",
        "rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log",
        # Without lists, and saying so: apt's modules take the folder's time for that of the last update.
        "touch -d @0 /var/lib/apt/lists",
        "groupadd -f -r google-sudoers",
        "systemctl enable -q ssh.service provision-machine.service provision-machine-trust.service"
        " provision-machine-startup.service",
        f"systemctl mask -q {' '.join(_MASKED)}",
        "systemctl set-default -q multi-user.target",
        "rm -f /etc/machine-id && : > /etc/machine-id",
        "install -d -m 0755 /etc/provision-machine /var/lib/moshi-server",
    )
)


def ensure(engine: Builder, recipe: Recipe, scratch: Path, closing: threading.Event) -> Iterator[Progress]:
    """Build the image unless the engine has it; says where it is between the parts, and stops when `closing` is set."""
    if engine.has_image(recipe.tag):
        return
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    if not engine.has_image(recipe.root_tag):
        yield from _ensure_root(engine, recipe, scratch, closing)
    yield Progress(75, "building the base image (once): settings")
    _build(engine, recipe.settings(), image_files(), recipe.tag, scratch)


def _ensure_root(engine: Builder, recipe: Recipe, scratch: Path, closing: threading.Event) -> Iterator[Progress]:
    """The packages: on top of Debian's image where a registry gives it, else from nothing."""
    yield Progress(5, "building the base image (once): asking the registry for Debian")
    if engine.has_image(REGISTRY_IMAGE) or engine.pull(REGISTRY_IMAGE, REGISTRY_PATIENCE_S):
        yield Progress(20, "building the base image (once): installing systemd and sshd, about a minute")
        try:
            _build(engine, recipe.install(), recipe.sources(), recipe.root_tag, scratch)
            return
        except ProvisionError:
            # A build's network may be cut off where ours is not.
            if shutil.which("mmdebstrap") is None:
                raise
    yield Progress(10, "building the base image (once) from Debian's packages, about a minute")
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        archive = Path(folder) / "rootfs.tar"
        _mmdebstrap(recipe, archive, closing)
        yield Progress(60, "building the base image (once): handing it to Docker")
        engine.import_image(archive, recipe.root_tag)


def _build(engine: Builder, dockerfile: str, files: Mapping[str, tuple[int, str]], tag: str, scratch: Path) -> None:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        for path, (mode, text) in files.items():
            target = Path(folder) / "files" / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            target.chmod(mode)
        (Path(folder) / "Dockerfile").write_text(dockerfile + "\n", encoding="utf-8")
        engine.build(Path(folder), tag)


def _mmdebstrap(recipe: Recipe, archive: Path, closing: threading.Event) -> None:
    """A root file system from Debian's packages; needs no root where user namespaces are allowed."""
    if shutil.which("mmdebstrap") is None:
        raise ProvisionError(
            "the machine image cannot be built",
            "no registry answers for `debian:12`, and mmdebstrap, which builds it from packages, is not installed",
            "sudo apt-get install mmdebstrap debian-archive-keyring",
        )
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(recipe.packages)}", RELEASE, str(archive)]
    log = archive.with_suffix(".log")
    code = _run([*command, *recipe.mirrors.lines(RELEASE)], log, closing)
    if code != 0:
        told = log.read_text(encoding="utf-8", errors="replace")
        tail = "\n".join(line for line in told.splitlines() if line.strip())[-1500:]
        raise ProvisionError(f"mmdebstrap failed with exit code {code}", tail, _advice(tail))


def _run(command: list[str], log: Path, closing: threading.Event) -> int:
    """Run it in a process group of its own, which a Ctrl-C on the terminal does not reach, and end it with us."""
    until = time.monotonic() + BUILD_S
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        while process.poll() is None and time.monotonic() < until and not closing.wait(0.1):
            pass
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(10)
            raise ProvisionError(
                "building the machine image was interrupted" if closing.is_set() else f"no image after {BUILD_S:.0f} s",
                hint="" if closing.is_set() else _NETWORK,
            )
    return process.returncode


def _advice(text: str) -> str:
    if "unshare" in text or "must be executed by root" in text or "CLONE_NEWUSER" in text:
        return "sudo sysctl kernel.unprivileged_userns_clone=1; or start this command once with sudo"
    if "chroot mode" in text:
        return "sudo apt-get install uidmap"
    if "NO_PUBKEY" in text or "keyring" in text:
        return "sudo apt-get install debian-archive-keyring"
    return _NETWORK
