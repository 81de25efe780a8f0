"""What is known about one host while plays run over it; owned by that host's worker thread."""

from __future__ import annotations

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

    def close(self) -> None:
        """Let every connection of this host go."""
        for door in self.doors.values():
            door.close()
        self.doors.clear()


class TaskFailed(Exception):
    """A task failed and nothing said to go on; carries what `rescue` may read."""

    def __init__(self, task: Task, result: dict[str, Any]) -> None:
        super().__init__(task.title)
        self.task = task
        self.result = result


class HostEnded(Exception):
    """`meta: end_host` or `end_play`: the host is done, and well."""
