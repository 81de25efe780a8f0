"""`run_once`: the first host of the play that is still with us runs the task, the others take its result."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from provision.playbook.values import Location

Passage = tuple[Location, int]
"""Where a task is written, and how many times the host has come by (an include may repeat it)."""


class Once:
    """Shared by the workers of one play. Deterministic: who leads depends on the play's order, not on speed."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self._alive = list(hosts)
        self._results: dict[Passage, dict[str, Any]] = {}
        self._changed = threading.Condition()

    def result_of(self, task: Passage, host: str) -> dict[str, Any] | None:
        """The result that another host delivered; None when this host is the one to run the task."""
        with self._changed:
            self._changed.wait_for(lambda: task in self._results or self._alive[:1] == [host])
            return self._results.get(task)

    def deliver(self, task: Passage, result: dict[str, Any]) -> None:
        """The leader's result, for everybody who waits."""
        with self._changed:
            self._results[task] = result
            self._changed.notify_all()

    def leave(self, host: str) -> None:
        """This host's part of the play is over; the next one leads what it did not get to."""
        with self._changed:
            if host in self._alive:
                self._alive.remove(host)
            self._changed.notify_all()
