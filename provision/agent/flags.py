"""The flags of chattr and lsattr, read and set without those programs."""

from __future__ import annotations

import array
import fcntl
import os
import stat
import struct
from typing import List, NamedTuple, Optional

from provision.agent.errors import Failed

# The numbers of _IOR('f', 1, long), _IOW('f', 2, long) and _IOR('v', 1, long) where a long has 8 bytes, and 4.
_LONG = struct.calcsize("l")
_GET_FLAGS = 0x80006601 | _LONG << 16
_SET_FLAGS = 0x40006602 | _LONG << 16
_GET_VERSION = 0x80007601 | _LONG << 16

_KNOWN = (
    ("s", 0x1, "zero"),
    ("u", 0x2, "undelete"),
    ("S", 0x8, "synchronous"),
    ("D", 0x10000, "dirsync"),
    ("i", 0x10, "immutable"),
    ("a", 0x20, "append"),
    ("d", 0x40, "nodump"),
    ("A", 0x80, "noatime"),
    ("c", 0x4, "compressed"),
    ("E", 0x800, "encrypted"),
    ("j", 0x4000, "journalled"),
    ("I", 0x1000, "indexed"),
    ("t", 0x8000, "notail"),
    ("T", 0x20000, "blockroot"),
    ("e", 0x80000, "extents"),
    ("C", 0x800000, "nocow"),
    ("N", 0x10000000, "inline"),
)
_BITS = {letter: bit for letter, bit, _ in _KNOWN}


class Flags(NamedTuple):
    """The flags of one file, and its version number."""

    bits: int
    version: int

    def letters(self) -> str:
        """As lsattr prints them, without the dashes."""
        return "".join(letter for letter, bit, _ in _KNOWN if self.bits & bit)

    def names(self) -> List[str]:
        """As Ansible names them."""
        return [name for _, bit, name in _KNOWN if self.bits & bit]


def read(path: str) -> Optional[Flags]:
    """The flags of a file or folder; None where the file system has none."""
    try:
        status = os.lstat(path)
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            return None
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return Flags(_ask(fd, _GET_FLAGS), _version(fd))
    except OSError:
        return None
    finally:
        os.close(fd)


def wanted_bits(path: str, spec: str, bits: int) -> int:
    """What `spec` (`+i`, `-a`, `=e`, or letters alone, meaning `=`) makes of these bits."""
    operator, letters = (spec[0], spec[1:]) if spec[:1] in ("+", "-", "=") else ("=", spec)
    unknown = [letter for letter in letters if letter not in _BITS]
    if unknown:
        raise Failed("chattr failed: unknown flag %s" % ", ".join(unknown), path=path)
    mask = sum(_BITS[letter] for letter in set(letters))
    if operator == "+":
        return bits | mask
    if operator == "-":
        return bits & ~mask
    kept = _BITS["e"] | _BITS["I"] | _BITS["N"] | _BITS["E"]  # what the file system alone decides
    return mask | bits & kept


def write(path: str, spec: str) -> None:
    """Set them."""
    has = read(path)
    if has is None:
        raise Failed("chattr failed: the file system has no flags", path=path)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(fd, _SET_FLAGS, array.array("l", [wanted_bits(path, spec, has.bits)]))
        finally:
            os.close(fd)
    except OSError as error:
        raise Failed("chattr failed: %s" % error.strerror, path=path) from error


def _version(fd: int) -> int:
    try:
        return _ask(fd, _GET_VERSION)
    except OSError:
        return 0


def _ask(fd: int, request: int) -> int:
    answer = array.array("l", [0])
    fcntl.ioctl(fd, request, answer, True)
    return answer[0] & 0xFFFFFFFF
