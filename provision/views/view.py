"""What every view is: it shows events as they come, and the outcome once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from provision.model import Event, Problem
from provision.views.tally import Counts

Format = Literal["human", "plain", "json"]


@dataclass(frozen=True)
class Look:
    """How the operator wants to see things. `verbosity`: how often `-v` was said."""

    format: Format = "plain"
    verbosity: int = 0
    quiet: bool = False
    color: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a command ended. `problem` is what stopped it as a whole; `data` its own results for the last JSON object."""

    command: str
    exit_code: int
    seconds: float
    problem: Problem | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    hosts: Mapping[str, Counts] = field(default_factory=dict)


class View(Protocol):
    """A view writes, and decides nothing."""

    def show(self, event: Event) -> None:
        """Show one event."""

    def end(self, outcome: Outcome) -> None:
        """Show how the command ended, and give the terminal back."""

    def close(self) -> None:
        """Give the terminal back without a word; harmless when repeated."""
