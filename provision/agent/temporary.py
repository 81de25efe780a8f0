"""Temporary files beside their destinations, all known, so that none stays behind when the agent has to go."""

from __future__ import annotations

import os
import random
from typing import Set


class Temporary:
    """Makes and forgets temporary files; `clean` removes those still there."""

    def __init__(self) -> None:
        self._paths: Set[str] = set()
        self._random = random.Random()

    def make(self, folder: str, name: str = "provision", suffix: str = "") -> str:
        """An empty new file of ours alone (mode 0600) in that folder. The suffix stays last: validators look at it."""
        while True:
            path = os.path.join(folder, ".%s.%08x.part%s" % (name, self._random.getrandbits(32), suffix))
            if path in self._paths:
                continue
            self._paths.add(path)  # before it exists: at every moment, what exists is known
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
                return path
            except FileExistsError:
                self._paths.discard(path)
            except OSError:
                self._paths.discard(path)
                raise

    def fill(self, path: str, data: bytes) -> None:
        """Write all of the file's bytes, down to the disk."""
        with open(path, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def copy(self, source: str, folder: str, suffix: str = "") -> str:
        """A temporary file with the bytes of another file."""
        path = self.make(folder, suffix=suffix)
        with open(source, "rb") as reader, open(path, "wb") as writer:
            while True:
                piece = reader.read(1 << 20)
                if not piece:
                    break
                writer.write(piece)
            writer.flush()
            os.fsync(writer.fileno())
        return path

    def moved(self, path: str) -> None:
        """It is no temporary file any more."""
        self._paths.discard(path)

    def remove(self, path: str) -> None:
        """Remove it, if it is there."""
        if not path:
            return
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        self._paths.discard(path)

    def clean(self) -> None:
        """Remove all that are left."""
        for path in sorted(self._paths):
            try:
                os.unlink(path)
            except OSError:
                pass  # nobody is there any more to be told
        self._paths.clear()
