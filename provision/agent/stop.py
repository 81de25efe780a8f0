"""One way to stop what runs: cancelled by the controller, out of time, or the controller is gone."""

from __future__ import annotations

import threading
from typing import Callable, List

from provision.agent.errors import Stopped


class Stop:
    """A flag that waits can watch, and that ends what registered with it. Set by another thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.RLock()
        self._endings: List[Callable[[], None]] = []
        self.reason = ""

    def now(self, reason: str) -> None:
        """Stop whatever runs; the first reason is kept."""
        with self._lock:
            if not self._event.is_set():
                self.reason = reason
                self._event.set()
            for end in list(self._endings):
                end()

    def on(self, end: Callable[[], None]) -> None:
        """Call `end` when stopped (at once if that has happened already)."""
        with self._lock:
            self._endings.append(end)
            if self._event.is_set():
                end()

    def off(self, end: Callable[[], None]) -> None:
        """No longer call `end`: once this returns, it is not running in another thread either."""
        with self._lock:
            self._endings.remove(end)

    @property
    def asked(self) -> bool:
        """Whether to stop."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise Stopped when asked to stop."""
        if self._event.is_set():
            raise Stopped(self.reason)

    def wait(self, seconds: float) -> None:
        """Sleep, but not longer than until stopped."""
        if self._event.wait(seconds):
            raise Stopped(self.reason)
