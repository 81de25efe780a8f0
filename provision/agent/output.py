"""What a process prints: kept within bounds for the result, and told line by line while it runs, within a rate."""

from __future__ import annotations

import time
from collections import deque
from typing import Callable, Deque

Tell = Callable[[str, str], None]
"""Called with stream name and line."""

KEPT_HEAD = 4 << 20
KEPT_TAIL = 4 << 20
LINE_LIMIT = 4096
LINES_PER_SECOND = 200
LINES_AT_ONCE = 1000
DRAWING_S = 0.5
"""A progress bar redraws its line with carriage returns: so often is a drawing shown that another one replaces."""


class Kept:
    """The first and the last bytes of a stream; what lies between is counted and let go."""

    def __init__(self, head: int = KEPT_HEAD, tail: int = KEPT_TAIL) -> None:
        self._head = bytearray()
        self._head_limit = head
        self._tail: Deque[bytes] = deque()
        self._tail_limit = tail
        self._tail_size = 0
        self.left_out = 0

    def add(self, data: bytes) -> None:
        """More of the stream."""
        room = self._head_limit - len(self._head)
        self._head += data[:room]
        rest = data[room:] if room < len(data) else b""
        if not rest:
            return
        self._tail.append(rest)
        self._tail_size += len(rest)
        while self._tail and self._tail_size - len(self._tail[0]) >= self._tail_limit:
            gone = len(self._tail.popleft())
            self._tail_size -= gone
            self.left_out += gone

    def text(self) -> str:
        """All of it, or its two ends with a line that says what is missing; bytes that are no text are replaced."""
        between = b"\n[... %d bytes left out ...]\n" % self.left_out if self.left_out else b""
        return (bytes(self._head) + between + b"".join(self._tail)).decode("utf-8", "replace")


class Live:
    """Lines as they come, at most so many a second: a flood is counted instead of shown."""

    def __init__(self, tell: Tell, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._partial = {"stdout": b"", "stderr": b""}
        self._budget = float(LINES_AT_ONCE)
        self._filled_at = clock()
        self._hidden = 0
        self._drawn_at = clock()

    def feed(self, stream: str, data: bytes) -> None:
        """Bytes of a stream; whole lines are told at once."""
        if self._hidden and not self._can_afford():
            self._count(stream, data)
            return
        lines = (self._partial[stream] + data).split(b"\n")
        rest = lines.pop()
        for line in lines:
            *drawings, last = line.rstrip(b"\r").split(b"\r")
            self._drawings(stream, drawings)
            self._line(stream, last)
        # What stands before the last carriage return is drawn; one at the very end may belong to a line end.
        *drawings, last = rest.rstrip(b"\r").split(b"\r")
        self._drawings(stream, drawings)
        self._partial[stream] = (last + (b"\r" if rest.endswith(b"\r") else b""))[-LINE_LIMIT:]

    def finish(self) -> None:
        """Tell what has no line end, and how much was hidden."""
        for stream, rest in self._partial.items():
            if rest:
                self._line(stream, rest.rstrip(b"\r"))
        self._partial = {"stdout": b"", "stderr": b""}
        self._tell_hidden("stdout")

    def _drawings(self, stream: str, drawings: "list[bytes]") -> None:
        """The last drawing of a bar, when it is time to show one again."""
        last = next((drawing for drawing in reversed(drawings) if drawing.strip()), b"")
        if last and self._clock() - self._drawn_at >= DRAWING_S:
            self._drawn_at = self._clock()
            self._line(stream, last)

    def _count(self, stream: str, data: bytes) -> None:
        """In the middle of a flood lines are not even looked at, which would cost more than reading them."""
        ends = data.count(b"\n")
        self._hidden += ends
        rest = data[data.rfind(b"\n") + 1 :] if ends else self._partial[stream] + data
        self._partial[stream] = rest[-LINE_LIMIT:]

    def _line(self, stream: str, line: bytes) -> None:
        if not self._can_afford():
            self._hidden += 1
            return
        self._budget -= 1
        self._tell_hidden(stream)
        self._tell(stream, line[:LINE_LIMIT].decode("utf-8", "replace"))

    def _can_afford(self) -> bool:
        now = self._clock()
        self._budget = min(LINES_AT_ONCE, self._budget + (now - self._filled_at) * LINES_PER_SECOND)
        self._filled_at = now
        # In a flood, a second's worth is saved up first: one remark a second, and not one after every line.
        return self._budget >= (LINES_PER_SECOND if self._hidden else 1)

    def _tell_hidden(self, stream: str) -> None:
        if self._hidden:
            self._tell(stream, "[... %d lines not shown ...]" % self._hidden)
            self._hidden = 0
