"""Reads cargo's progress from the lines that it prints."""

from __future__ import annotations

import re

from provision.model import Event, Output, Progress

_BUILDING = re.compile(r"^\s*Building \[[=> ]*\] (\d+)/(\d+)(?:: (.*))?$")
_ENDS = re.compile(r"\x1b\[K|\r")

CPU_SECONDS = 2300
"""What compiling moshi-server took: 345 crates, 38 CPU minutes."""


def as_progress(event: Output) -> Event:
    """A Progress in place of a line of cargo's bar; every other line as it is."""
    match = _BUILDING.match(_ENDS.sub("", event.text))
    if not match:
        return event
    done, total, crates = match.groups()
    return Progress(event.host, event.title, int(done), int(total), "crates", crates or "")


def expected_s(cpus: int) -> float:
    """How long the compile will roughly take."""
    return CPU_SECONDS / max(1, cpus)
