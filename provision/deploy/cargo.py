"""Reads cargo's progress from the lines that it prints."""

from __future__ import annotations

import re

from provision.model import Event, Output, Progress

# On a pipe the bar is redrawn behind a carriage return: one line may hold several states of it.
_BUILDING = re.compile(r"Building \[[=> ]*\] (\d+)/(\d+)(?:: ([^\r\x1b]*))?")

CPU_SECONDS = 1600
"""Roughly what compiling moshi-server takes: 11 to 20 minutes on two cores."""


def as_progress(event: Output) -> Event:
    """A Progress in place of a line with cargo's bar; every other line as it is."""
    states = _BUILDING.findall(event.text)
    if not states:
        return event
    done, total, crates = states[-1]
    return Progress(event.host, event.title, int(done), int(total), "crates", crates.strip())


def expected_s(cpus: int) -> float:
    """How long the compile will roughly take."""
    return CPU_SECONDS / max(1, cpus)
