"""SHA-256 and SHA-512 crypt, the password hashes of /etc/shadow (Python no longer ships `crypt`).

Follows Ulrich Drepper's specification, https://www.akkadia.org/drepper/SHA-crypt.txt.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PREFIX = {"sha256": "5", "sha512": "6"}
_UNSAID_ROUNDS = 5000
_DEFAULT_ROUNDS = {"sha256": 535000, "sha512": 656000}


def sha_crypt(
    password: str, kind: str, salt: str | None = None, salt_size: int | None = None, rounds: int | None = None
) -> str:
    """The hash of a password; a random salt of 16 characters unless one is given."""
    chosen = salt if salt is not None else "".join(secrets.choice(_ALPHABET) for _ in range(salt_size or 16))
    if len(chosen) > 16 or any(letter not in _ALPHABET for letter in chosen):
        raise ValueError("a salt has at most 16 of the characters a-z A-Z 0-9 . /")
    count = min(max(rounds or _DEFAULT_ROUNDS[kind], 1000), 999_999_999)
    digest = _digest(password.encode(), chosen.encode(), count, getattr(hashlib, kind))
    shown = "" if count == _UNSAID_ROUNDS else f"rounds={count}$"
    return f"${_PREFIX[kind]}${shown}{chosen}${_encoded(digest)}"


def _digest(password: bytes, salt: bytes, rounds: int, hasher: Callable[[bytes], hashlib._Hash]) -> bytes:
    inner = hasher(password + salt + password).digest()
    start = password + salt + _repeated(inner, len(password))
    bits = len(password)
    while bits:
        start += inner if bits & 1 else password
        bits >>= 1
    current = hasher(start).digest()
    p = _repeated(hasher(password * len(password)).digest(), len(password))
    s = _repeated(hasher(salt * (16 + current[0])).digest(), len(salt))
    for number in range(rounds):
        odd = number & 1
        mixed = (p if odd else current) + (s if number % 3 else b"") + (p if number % 7 else b"")
        current = hasher(mixed + (current if odd else p)).digest()
    return current


def _repeated(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _encoded(digest: bytes) -> str:
    size = len(digest)
    groups = _groups(size, size // 3)
    text = "".join(_letters((digest[a] << 16) | (digest[b] << 8) | digest[c], 4) for a, b, c in groups)
    return text + (_letters(digest[63], 2) if size == 64 else _letters((digest[31] << 8) | digest[30], 3))


def _groups(size: int, third: int) -> list[tuple[int, int, int]]:
    """The order in which the specification takes the bytes, three at a time."""
    a, b, c = 0, third, 2 * third
    groups = []
    for _ in range(third):
        groups.append((a, b, c))
        a, b, c = (b + 1, c + 1, a + 1) if size == 64 else (c + 1, a + 1, b + 1)
    return groups


def _letters(value: int, count: int) -> str:
    return "".join(_ALPHABET[(value >> (6 * place)) & 63] for place in range(count))
