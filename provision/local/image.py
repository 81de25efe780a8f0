"""The machine image: what is in it, and how it comes to be, once, on an engine with or without a registry."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
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

PACKAGES = (
    "systemd systemd-sysv dbus libpam-systemd openssh-server sudo python3 ca-certificates iproute2 curl nftables procps kmod "
    "iputils-ping less netbase tzdata"
).split()

# Timers that would take the package lock behind the operator's back, and units without a meaning in a container.
_MASKED = (
    "apt-daily.timer apt-daily-upgrade.timer systemd-udevd.service systemd-udev-trigger.service "
    "systemd-networkd-wait-online.service getty@tty1.service modprobe@.service e2scrub_all.timer e2scrub_reap.service"
).split()


class Builder(Protocol):
    """What a build asks of the Docker door."""

    def has_image(self, tag: str) -> bool: ...
    def pull(self, image: str, patience_s: float) -> bool: ...
    def import_image(self, archive: Path, tag: str) -> None: ...
    def build(self, context: Path, tag: str) -> None: ...
    def forget_image(self, tag: str) -> None: ...


@dataclass(frozen=True)
class Progress:
    """How far the build is, in words and per cent."""

    percent: int
    text: str


@dataclass(frozen=True)
class Recipe:
    """Everything the image depends on; two recipes with the same content are the same image."""

    mirrors: Mirrors
    packages: tuple[str, ...] = tuple(PACKAGES)

    @property
    def tag(self) -> str:
        content = json.dumps([self.packages, sorted(image_files().items()), self.dockerfile("debian:12", True)])
        return f"{REPOSITORY}:{hashlib.sha256(content.encode()).hexdigest()[:12]}"

    def dockerfile(self, parent: str, install: bool) -> str:
        """The build on top of `parent`; `install` where the packages are not there yet."""
        lines = [f"FROM {parent}", "ENV container=docker", "COPY files/ /"]
        if install:
            lines.append(
                "RUN export DEBIAN_FRONTEND=noninteractive; rm -f /etc/apt/sources.list.d/debian.sources"
                " && apt-get update && apt-get install -y --no-install-recommends " + " ".join(self.packages)
            )
        lines += [f"RUN {_FINISH}", "STOPSIGNAL SIGRTMIN+3", f'ENTRYPOINT ["{FIRST_PROCESS}"]']
        return "\n".join(lines) + "\n"

    def write_context(self, folder: Path, parent: str, install: bool) -> None:
        """The files of a `docker build`."""
        files = {**image_files(), "/etc/apt/sources.list": (0o644, self.mirrors.sources_list(RELEASE))}
        for path, (mode, text) in files.items():
            target = folder / "files" / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            target.chmod(mode)
        (folder / "Dockerfile").write_text(self.dockerfile(parent, install), encoding="utf-8")


# policy-rc.d keeps services from starting in Debian's own image; host keys belong to a machine, not to an image.
_FINISH = " && ".join(
    (
        "rm -f /etc/ssh/ssh_host_* /usr/sbin/policy-rc.d /etc/apt/apt.conf.d/docker-* /etc/dpkg/dpkg.cfg.d/docker-*",
        "rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log",
        "groupadd -f -r google-sudoers",
        "systemctl enable -q ssh.service provision-machine.service provision-machine-trust.service"
        " provision-machine-startup.service",
        f"systemctl mask -q {' '.join(_MASKED)}",
        "systemctl set-default -q multi-user.target",
        "rm -f /etc/machine-id && : > /etc/machine-id",
        "install -d -m 0755 /etc/provision-machine /var/lib/moshi-server",
    )
)


def ensure(engine: Builder, recipe: Recipe, scratch: Path) -> Iterator[Progress]:
    """Build the image unless the engine has it; says where it is between the parts."""
    if engine.has_image(recipe.tag):
        return
    yield Progress(5, "building the base image (once): asking the registry for Debian")
    if engine.has_image(REGISTRY_IMAGE) or engine.pull(REGISTRY_IMAGE, REGISTRY_PATIENCE_S):
        yield Progress(20, "building the base image (once): installing systemd and sshd, about a minute")
        _build(engine, recipe, REGISTRY_IMAGE, True, scratch)
        return
    yield Progress(10, "building the base image (once) from Debian's packages, about a minute")
    parent = recipe.tag.replace(":", "-root:")
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        archive = Path(folder) / "rootfs.tar"
        _mmdebstrap(recipe, archive)
        yield Progress(60, "building the base image (once): handing it to Docker")
        engine.import_image(archive, parent)
    yield Progress(75, "building the base image (once): settings")
    _build(engine, recipe, parent, False, scratch)
    engine.forget_image(parent)


def _build(engine: Builder, recipe: Recipe, parent: str, install: bool, scratch: Path) -> None:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        recipe.write_context(Path(folder), parent, install)
        engine.build(Path(folder), recipe.tag)


def _mmdebstrap(recipe: Recipe, archive: Path) -> None:
    """A root file system from Debian's packages; needs no root where user namespaces are allowed."""
    if shutil.which("mmdebstrap") is None:
        raise ProvisionError(
            "the machine image cannot be built",
            "no registry answers for `debian:12`, and mmdebstrap, which builds it from Debian's packages, is not installed",
            "sudo apt-get install mmdebstrap debian-archive-keyring",
        )
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(recipe.packages)}", RELEASE, str(archive)]
    try:
        subprocess.run(
            [*command, *recipe.mirrors.lines(RELEASE)],
            check=True,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=BUILD_S,
        )
    except subprocess.CalledProcessError as error:
        tail = "\n".join(line for line in error.stderr.splitlines() if line.strip())[-1500:]
        raise ProvisionError(f"mmdebstrap failed with exit code {error.returncode}", tail, _advice(tail)) from error
    except subprocess.TimeoutExpired as error:
        raise ProvisionError(
            f"mmdebstrap did not end within {BUILD_S:.0f} s", hint="curl -I http://deb.debian.org/"
        ) from error


def _advice(text: str) -> str:
    if "unshare" in text or "must be executed by root" in text or "CLONE_NEWUSER" in text:
        return "sudo sysctl kernel.unprivileged_userns_clone=1; or start this command once with sudo"
    if "NO_PUBKEY" in text or "keyring" in text:
        return "sudo apt-get install debian-archive-keyring"
    return "curl -I http://deb.debian.org/debian/dists/bookworm/Release"
