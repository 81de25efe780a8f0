"""The tool's own SSH key pair: made once, kept in the state folder, used for nothing but our machines."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from provision.errors import ProvisionError


@dataclass(frozen=True)
class KeyPair:
    """Where the private key lies, and the public one as a line. `made`: it has just been made."""

    private: Path
    public: str
    made: bool = False


def key_pair(folder: Path) -> KeyPair:
    """The key pair in that folder; made there when there is none."""
    private, public = folder / "id_ed25519", folder / "id_ed25519.pub"
    if private.is_file() and public.is_file():
        return KeyPair(private, public.read_text().strip())
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(folder):
        if private.is_file():
            return KeyPair(private, _public_of(private, public))
        return KeyPair(private, _make(private, public), made=True)


def public_key(folder: Path) -> str:
    """The public key, empty when none was made yet: then no machine is ours."""
    public = folder / "id_ed25519.pub"
    return public.read_text().strip() if public.is_file() else ""


def _make(private: Path, public: Path) -> str:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    line = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode() + " provision"
    _write(public, f"{line}\n".encode(), 0o644)
    _write(private, secret, 0o600)  # last: whoever sees it finds its public half
    return line


def _public_of(private: Path, public: Path) -> str:
    """The public half, also when only the private file has survived."""
    from cryptography.hazmat.primitives import serialization as form

    if public.is_file():
        return public.read_text().strip()
    try:
        key = form.load_ssh_private_key(private.read_bytes(), password=None)
    except ValueError as error:
        raise ProvisionError(
            f"{private} is no SSH key", str(error), f"put the right one back, or: rm {private}"
        ) from error
    line = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode() + " provision"
    _write(public, f"{line}\n".encode(), 0o644)
    return line


def _write(path: Path, content: bytes, mode: int) -> None:
    """The whole file or none, and never readable by others in between."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    beside.replace(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
