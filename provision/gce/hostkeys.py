"""Host keys from guest attributes: trusted before the first connection, never picked up from it."""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from provision.errors import ProvisionError, Unreachable
from provision.gce.client import Cloud
from provision.gce.instance import Machine

KEY_TYPES = frozenset({"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"})

_SERIAL = re.compile(r"-----BEGIN SSH HOST KEY KEYS-----(.*?)-----END SSH HOST KEY KEYS-----", re.DOTALL)


class HostKeyChanged(Unreachable):
    """The machine shows other keys than the ones we trusted before."""


def alias(machine_id: str) -> str:
    """The name in known_hosts: by instance id, so that a new machine on an old address is a new host."""
    return f"compute.{machine_id}"


def published(cloud: Cloud, machine: Machine) -> Mapping[str, str]:
    """Key type -> base64 as the machine has published them; `{}` when it has not yet."""
    found = cloud.find(
        f"read the host keys of {machine.name}",
        "Instances",
        "get_guest_attributes",
        zone=machine.zone,
        instance=machine.name,
        query_path="hostkeys/",
    )
    rows = ((found or {}).get("queryValue") or {}).get("items") or ()
    return checked({str(row.get("key", "")): str(row.get("value", "")) for row in rows}, machine.name)


def on_serial_port(text: str, name: str) -> Mapping[str, str]:
    """The keys that cloud-init prints while booting, where no guest attribute came."""
    block = _SERIAL.search(text)
    lines = [line.split() for line in block[1].splitlines()] if block else []
    return checked({words[0]: words[1] for words in lines if len(words) >= 2}, name)


def checked(keys: Mapping[str, str], name: str) -> Mapping[str, str]:
    """The keys that known_hosts can hold; what is not what it says is refused, for it would end up in a file."""
    for kind, key in keys.items():
        if kind in KEY_TYPES and _kind_inside(key) != kind:
            raise ProvisionError(
                f"{name} published a {kind} host key that is none",
                "what the guest attributes hold is not a public key of that type",
                f"`provision delete-vm {name}`, then create it again",
            )
    return {kind: key for kind, key in keys.items() if kind in KEY_TYPES}


def _kind_inside(key: str) -> str:
    """The type that the key itself tells: a length and a name come first."""
    try:
        blob = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return ""
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length].decode("ascii", "replace") if len(blob) > 4 + length else ""


def pinned(known_hosts: Path, machine_id: str) -> Mapping[str, str]:
    """The keys that we trust for that machine."""
    if not known_hosts.is_file():
        return {}
    lines = [line.split() for line in known_hosts.read_text().splitlines()]
    return {words[1]: words[2] for words in lines if len(words) >= 3 and words[0] == alias(machine_id)}


def pin(known_hosts: Path, machine: Machine, keys: Mapping[str, str]) -> bool:
    """Trust these keys for the machine; False when nothing had to be written. Other keys than before are refused."""
    with _locked(known_hosts):
        before = pinned(known_hosts, machine.id)
        changed = [kind for kind in before if kind in keys and keys[kind] != before[kind]]
        if changed:
            raise HostKeyChanged(
                f"the host key of {machine.name} has changed ({', '.join(changed)})",
                "somebody else may answer in its place, or its system was installed anew",
                f"if you know why: `provision delete-vm {machine.name}`, then create it again",
            )
        if before:
            return False
        lines = [f"{alias(machine.id)} {kind} {key}" for kind, key in sorted(keys.items())]
        _rewrite(known_hosts, [*_lines(known_hosts), *lines])
        return True


def unpin(known_hosts: Path, machine_id: str) -> bool:
    """Forget the machine; False when it was not known."""
    if not known_hosts.is_file():
        return False
    with _locked(known_hosts):
        lines = _lines(known_hosts)
        kept = [line for line in lines if line.split()[:1] != [alias(machine_id)]]
        if kept != lines:
            _rewrite(known_hosts, kept)
        return kept != lines


def _lines(known_hosts: Path) -> list[str]:
    return known_hosts.read_text().splitlines() if known_hosts.is_file() else []


def _rewrite(known_hosts: Path, lines: list[str]) -> None:
    """Replace the file in one go: a reader never sees half of it. Without lines there is no file."""
    if not lines:
        known_hosts.unlink(missing_ok=True)
        return
    beside = known_hosts.with_name(f".{known_hosts.name}.{os.getpid()}")
    beside.write_text("".join(f"{line}\n" for line in lines))
    beside.chmod(0o600)
    beside.replace(known_hosts)


@contextmanager
def _locked(known_hosts: Path) -> Iterator[None]:
    """Two runs at once must not lose each other's lines."""
    known_hosts.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with known_hosts.with_name(f".{known_hosts.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
