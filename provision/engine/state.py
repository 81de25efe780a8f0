"""What is known about one host while plays run over it; owned by that host's worker thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from provision.inventory.hosts import Host
from provision.model import Event
from provision.playbook.values import Task
from provision.ssh.door import Door

Emit = Callable[[Event], None]


@dataclass
class HostState:
    """Facts, live variables (set_fact, register), those of include_vars, and open doors of one host, across plays."""

    host: Host
    facts: dict[str, Any] = field(default_factory=dict)
    live: dict[str, Any] = field(default_factory=dict)
    included: dict[str, Any] = field(default_factory=dict)
    doors: dict[str, Door] = field(default_factory=dict)
    failed: bool = False
    stopped: threading.Event = field(default_factory=threading.Event)

    def close(self) -> None:
        """Let every connection of this host go."""
        while self.doors:  # the worker may be opening one at this moment
            self.doors.popitem()[1].close()

    def stop(self) -> None:
        """The run is over for this host, wherever its worker is: it wakes up, and opens no new door."""
        self.stopped.set()
        self.close()

    def pause(self, seconds: float) -> None:
        """Wait, or be stopped."""
        if self.stopped.wait(seconds):
            raise Stopped

    def go_on(self) -> None:
        """Stopped, if somebody stopped it."""
        self.pause(0)


class Stopped(Exception):
    """The operator interrupted the run."""


class TaskFailed(Exception):
    """A task failed and nothing said to go on; carries what `rescue` may read."""

    def __init__(self, task: Task, result: dict[str, Any]) -> None:
        super().__init__(task.title)
        self.task = task
        self.result = result


class HostEnded(Exception):
    """`meta: end_host` or `end_play`: the host is done, and well."""
