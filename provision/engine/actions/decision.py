"""What an action decides for one host: a result made here, or a module call for the agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from provision.engine.contents import Content
from provision.playbook.templating import Templar
from provision.playbook.values import Task
from provision.ssh.door import Completed

Values = dict[str, Any]


def unchanged(result: Values) -> Values:
    """The agent's answer as it is."""
    return result


@dataclass(frozen=True)
class Here:
    """Decided on the controller; nothing travels."""

    result: Values


@dataclass(frozen=True)
class There:
    """A module to run on the target. `finish` makes the task's result of the agent's, on the controller.

    `wanted` is where the content that the agent sends back is written (fetch).
    """

    module: str
    args: Mapping[str, Any]
    contents: tuple[Content, ...] = ()
    finish: Callable[[Values], Values] = unchanged
    wanted: Path | None = None


class Way(Protocol):
    """The way to the task's host, for actions that hang up and come back."""

    def run(self, command: str) -> Completed:
        """Run a shell command with the task's rights, connecting if need be."""

    def hang_up(self) -> None:
        """Close the connection; the next command opens a new one."""

    def pause(self, seconds: float) -> None:
        """Wait, unless the run is interrupted."""


@dataclass(frozen=True)
class AtTheDoor:
    """Done with the connection itself, after everything before it is over. 0 s: as long as for any connection."""

    act: Callable[[Way], Values]
    connect_timeout_s: float = 0.0


Decision = Here | There | AtTheDoor


@dataclass(frozen=True)
class Setting:
    """What an action may look at: the task, its variables, where files lie, and whether this is a dry run."""

    task: Task
    templar: Templar
    host: str
    playbook_folder: Path
    check: bool = False
    verbosity: int = 0
    args: Mapping[str, Any] = field(default_factory=dict)

    def argument(self, name: str, default: Any = None) -> Any:
        """A rendered argument, or the default when it is absent."""
        value = self.args.get(name)
        return default if value is None else value
