"""Contents on their way from the controller, by SHA-256: small ones in memory, large ones beside their place."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from typing import Any, Callable, Dict, Iterator, Mapping, NamedTuple, Sequence, Tuple, Union

from provision.agent.errors import Failed
from provision.agent.stop import Stop
from provision.agent.temporary import Temporary
from provision.agent.wire import Blob

IN_MEMORY = 1 << 20
"""Bytes up to which a content is held in memory."""

AHEAD = 8 << 20
"""Bytes of contents asked for before the first of them is needed."""

KEPT = 32 << 20
"""Bytes of contents held in memory altogether; the oldest go first and are asked for again when needed."""


class Wanted(NamedTuple):
    """A content as `_content` names it."""

    digest: str
    size: int


Ask = Callable[[Wanted], None]


def wanted(reference: Mapping[str, Any]) -> Wanted:
    """Read a `_content` argument."""
    return Wanted(str(reference["digest"]), int(reference["size"]))


class _Incoming:
    """A content that is arriving: into memory, into a file, or nowhere when it is too large and nobody asked."""

    def __init__(self, path: str = "") -> None:
        self.path = path
        self.size = 0
        self.data = bytearray()
        self.hash = hashlib.sha256()
        self.problem = ""
        self._file = open(path, "r+b") if path else None

    def add(self, blob: Blob) -> None:
        if blob.offset != self.size:
            self.problem = self.problem or "a piece at offset %d came after %d bytes" % (blob.offset, self.size)
        self.size += len(blob.data)
        self.hash.update(blob.data)
        if not self.problem:
            self._store(blob.data)

    def close(self) -> None:
        if self._file is None:
            return
        try:
            with self._file:
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as error:
            self.problem = self.problem or str(error)

    def _store(self, data: bytes) -> None:
        if self._file is None:
            self.data += data
            self.problem = "nobody asked for %d bytes" % self.size if self.size > IN_MEMORY else ""
            return
        try:
            self._file.write(data)
        except OSError as error:
            self.problem = "cannot write %s: %s" % (self.path, error.strerror)


class Contents:
    """Filled by the reader thread, emptied by modules, which wait here for what they need."""

    def __init__(self, temporary: Temporary) -> None:
        self._temporary = temporary
        self._changed = threading.Condition()
        self._memory: "OrderedDict[str, bytes]" = OrderedDict()
        self._files: Dict[str, str] = {}
        self._incoming: Dict[str, _Incoming] = {}
        self._asked: Dict[str, str] = {}
        self._problems: Dict[str, str] = {}

    def receive(self, blob: Blob) -> None:
        """A piece has come."""
        with self._changed:
            if blob.digest not in self._incoming:
                self._incoming[blob.digest] = _Incoming(self._asked.get(blob.digest, ""))
            self._incoming[blob.digest].add(blob)

    def finish(self, digest: str, problem: str = "") -> None:
        """The last piece has come, or the controller says why it does not."""
        with self._changed:
            incoming = self._incoming.pop(digest, None) or _Incoming(self._asked.get(digest, ""))
            incoming.close()
            if incoming.hash.hexdigest() != digest:
                incoming.problem = incoming.problem or "it changed while it was read"
            self._settle(digest, incoming, problem or incoming.problem)
            self._changed.notify_all()

    def abandon(self) -> None:
        """The rest of what is arriving will not come."""
        with self._changed:
            for incoming in self._incoming.values():
                incoming.close()
            self._incoming.clear()

    def read(self, want: Wanted, ask: Ask, stop: Stop) -> bytes:
        """The bytes of a content, asked for when they are not here."""
        if want.size <= IN_MEMORY:
            return self._small(want, ask, stop)
        path = next(self.files([(want, "/tmp")], ask, stop))
        with open(path, "rb") as file:
            data = file.read()
        self._temporary.remove(path)
        return data

    def files(self, wants: Sequence[Tuple[Wanted, str]], ask: Ask, stop: Stop, suffix: str = "") -> Iterator[str]:
        """A complete temporary file for every (content, folder), in order; what lacks is asked for well ahead."""
        asked_until, asked_bytes = 0, 0
        for index, (want, folder) in enumerate(wants):
            while asked_until < len(wants) and (asked_bytes < AHEAD or asked_until <= index):
                ahead, place = wants[asked_until]
                self._request(ahead, place, ask, suffix)
                asked_bytes += ahead.size
                asked_until += 1
            yield self._file(want, folder, ask, stop, suffix)
            asked_bytes -= want.size

    def _file(self, want: Wanted, folder: str, ask: Ask, stop: Stop, suffix: str) -> str:
        if want.size > IN_MEMORY:
            found = self._obtain(want, folder, ask, stop, suffix)
            assert isinstance(found, str)
            return found
        data = self._small(want, ask, stop)
        path = self._temporary.make(folder, suffix=suffix)
        self._temporary.fill(path, data)
        return path

    def _small(self, want: Wanted, ask: Ask, stop: Stop) -> bytes:
        found = self._obtain(want, "", ask, stop, "") if want.size else b""
        assert isinstance(found, bytes)
        return found

    def _request(self, want: Wanted, folder: str, ask: Ask, suffix: str) -> None:
        with self._changed:
            if not want.size or self._is_here(want.digest) or want.digest in self._asked:
                return
            large = want.size > IN_MEMORY
            self._asked[want.digest] = self._temporary.make(folder, suffix=suffix) if large else ""
        ask(want)

    def _obtain(self, want: Wanted, folder: str, ask: Ask, stop: Stop, suffix: str) -> Union[bytes, str]:
        while True:
            self._request(want, folder, ask, suffix)
            with self._changed:
                while not self._is_here(want.digest) and want.digest in self._asked:
                    stop.check()
                    self._changed.wait(0.5)
                if want.digest in self._problems:
                    raise Failed("the content did not arrive: %s" % self._problems.pop(want.digest))
                if want.digest in self._files:
                    return self._files.pop(want.digest)
                if want.digest in self._memory:
                    return self._memory[want.digest]

    def _is_here(self, digest: str) -> bool:
        return digest in self._memory or digest in self._files or digest in self._problems

    def _settle(self, digest: str, incoming: _Incoming, problem: str) -> None:
        asked = self._asked.pop(digest, None) is not None
        if problem:
            if asked:
                self._problems[digest] = problem
            self._temporary.remove(incoming.path)
        elif incoming.path:
            self._files[digest] = incoming.path
        else:
            self._keep(digest, bytes(incoming.data))

    def _keep(self, digest: str, data: bytes) -> None:
        self._memory[digest] = data
        while sum(map(len, self._memory.values())) > KEPT and len(self._memory) > 1:
            self._memory.popitem(last=False)
