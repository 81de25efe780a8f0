"""The lookup `password`: random passwords that are made once and kept in a file of the controller."""

from __future__ import annotations

import os
import secrets
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provision.inventory.documents import read_text
from provision.inventory.places import is_file
from provision.playbook.filters.digests import password_hash

_DEFAULT = ["ascii_letters", "digits", ".,:-_"]
_KEYS = ("length", "encrypt", "chars", "ident", "seed")


def password(term: str, options: Mapping[str, Any], folder: Path) -> str:
    """The password in the file; made and written there when it is missing. /dev/null keeps nothing."""
    name, said = _said(term, options)
    path = folder / Path(name).expanduser()
    plain, salt = _kept(path)
    fresh = plain or _made(said)
    encrypt = said.get("encrypt")
    if encrypt and not salt:
        salt = "".join(
            secrets.choice(string.ascii_letters + string.digits + "./") for _ in range(_salt_length(encrypt))
        )
    if str(path) != "/dev/null" and (not plain or (encrypt and (plain, salt) != _kept(path))):
        _keep(path, fresh + (f" salt={salt}" if encrypt else ""))
    return password_hash(fresh, str(encrypt), salt, ident=said.get("ident")) if encrypt else fresh


def _salt_length(encrypt: Any) -> int:
    return 22 if encrypt in ("bcrypt", "blowfish") else 8


def _said(term: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The file's name, and the options written behind it (`/path length=15 chars=digits`)."""
    words = term.split(" ")
    first = next((place for place, word in enumerate(words) if word.partition("=")[0] in _KEYS), len(words))
    inline = dict(word.split("=", 1) for word in words[first:] if "=" in word)
    return " ".join(words[:first]), {**options, **inline}


def _kept(path: Path) -> tuple[str, str | None]:
    if str(path) == "/dev/null" or not is_file(path):
        return "", None
    plain, _, salt = read_text(path).rstrip("\n").partition(" salt=")
    return plain, salt.split(" ")[0] or None


def _made(said: Mapping[str, Any]) -> str:
    letters = _letters(said.get("chars", _DEFAULT))
    source: Any = secrets.SystemRandom()
    if said.get("seed") is not None:
        import random

        source = random.Random(said["seed"])
    return "".join(source.choice(letters) for _ in range(int(said.get("length", 20))))


def _letters(chars: Any) -> str:
    names = chars.replace(",,", ",\0").split(",") if isinstance(chars, str) else list(chars)
    words = ("," if name == "\0" else name.replace("\0", ",") for name in names if name)
    found = "".join(getattr(string, word, word) if word.isidentifier() else word for word in words)
    unique = "".join(dict.fromkeys(found)).replace('"', "").replace("'", "")
    if not unique:
        raise ValueError("`chars` leaves no characters to choose from")
    return unique


def _keep(path: Path, text: str) -> None:
    """Written beside and moved into place, readable by the owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    beside.replace(path)
