"""Files on their way to a target, known by their SHA-256: sent only when the other side lacks them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision.errors import ProvisionError
from provision.ssh.channel import CHUNK

SENT_AHEAD = 64 * 1024
"""Bytes up to which a content travels in front of the task that may need it, and saves the round trip of asking."""


class UnreadableContent(Exception):
    """A file that was there when its digest was taken cannot be read any more."""


@dataclass(frozen=True)
class Content:
    """Bytes in memory, or a file; `digest` is the SHA-256 of all of it."""

    digest: str
    size: int
    data: bytes | None = None
    path: Path | None = None

    @property
    def small(self) -> bool:
        """Whether it is sent without asking."""
        return self.size <= SENT_AHEAD

    def argument(self) -> Mapping[str, Any]:
        """How a module's `_content` argument names it."""
        return {"digest": self.digest, "size": self.size}

    def pieces(self) -> Iterator[bytes]:
        """The bytes, a blob frame's worth at a time."""
        if self.data is not None:
            for start in range(0, len(self.data), CHUNK):
                yield self.data[start : start + CHUNK]
        elif self.path is not None:
            yield from _read(self.path)


def _read(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(CHUNK):
                yield piece
    except OSError as error:
        raise UnreadableContent(f"{path} on this machine: {error.strerror or error}") from error


def of_bytes(data: bytes) -> Content:
    """Content that was made here: a template's text, an inline `content`."""
    return Content(hashlib.sha256(data).hexdigest(), len(data), data=data)


def of_file(path: Path) -> Content:
    """A file's content; read once for its digest, and again only when it has to travel."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
            size = file.tell()
    except OSError as error:
        raise ProvisionError(f"cannot read {path} on this machine", str(error.strerror or error)) from error
    return Content(digest.hexdigest(), size, path=path)
