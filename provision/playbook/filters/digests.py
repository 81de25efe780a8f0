"""Filters that make digests and password hashes."""

from __future__ import annotations

import hashlib
from typing import Any

from provision.playbook.sha_crypt import sha_crypt

_BCRYPT_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_SHA = {"sha256": "sha256", "sha256_crypt": "sha256", "sha512": "sha512", "sha512_crypt": "sha512"}


def digest(value: Any, hashtype: str = "sha1") -> str:
    return hashlib.new(hashtype, str(value).encode("utf-8", "surrogateescape")).hexdigest()


def sha1(value: Any) -> str:
    return digest(value, "sha1")


def md5(value: Any) -> str:
    return digest(value, "md5")


def password_hash(
    password: Any,
    hashtype: str = "sha512",
    salt: str | None = None,
    salt_size: int | None = None,
    rounds: int | None = None,
    ident: str | None = None,
) -> str:
    """A hash for /etc/shadow: SHA-512 or SHA-256 crypt, or blowfish (bcrypt)."""
    if hashtype in _SHA:
        return sha_crypt(str(password), _SHA[hashtype], salt, salt_size, rounds)
    if hashtype in ("blowfish", "bcrypt"):
        return _bcrypt(str(password), salt, rounds, ident)
    raise ValueError(f"password_hash knows sha512, sha256 and blowfish here, not `{hashtype}`")


def _bcrypt(password: str, salt: str | None, rounds: int | None, ident: str | None) -> str:
    import bcrypt

    prefix = (ident or "2b").strip("$")
    made = bcrypt.gensalt(rounds or 12, b"2b").decode() if salt is None else f"$2b${rounds or 12:02d}${_repaired(salt)}"
    hashed = bcrypt.hashpw(password.encode(), made.encode()).decode()
    return f"${prefix}{hashed[3:]}"


def _repaired(salt: str) -> str:
    """A salt of 22 letters, the bits of the last one that bcrypt does not use taken away."""
    if len(salt) != 22 or any(letter not in _BCRYPT_ALPHABET for letter in salt):
        raise ValueError("a salt of bcrypt has 22 of the characters a-z A-Z 0-9 . /")
    return salt[:-1] + _BCRYPT_ALPHABET[_BCRYPT_ALPHABET.index(salt[-1]) & 0b110000]


FILTERS = {"hash": digest, "sha1": sha1, "checksum": sha1, "md5": md5, "password_hash": password_hash}
