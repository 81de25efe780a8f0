"""One step of a machine's life as events: it begins, it works, it ends as it was or changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from provision.model import Event, Result, Step

Value = TypeVar("Value")

PAUSE_S = 1.0
"""Between two looks at something that takes its time."""


@dataclass(frozen=True)
class Done(Generic[Value]):
    """What a step's work came to."""

    value: Value
    changed: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)


def step(
    host: str, title: str, work: Callable[[], Done[Value]], expected_s: float | None = None
) -> Generator[Event, None, Value]:
    """Do the work between its two events and hand on its value. What it raises ends the job."""
    yield Step(host, title, expected_s=expected_s)
    started = time.monotonic()
    done = work()
    yield Result(host, title, "changed" if done.changed else "ok", time.monotonic() - started, done.data)
    return done.value


def wait_until(
    look: Callable[[], Value | None],
    timeout_s: float,
    pauses: float = 1.0,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Value | None:
    """What `look` finds, looked for again and again; None when the time is over. `pauses`: how many to make at once."""
    until = clock() + timeout_s
    while True:
        found = look()
        if found is not None or clock() >= until:
            return found
        sleep(PAUSE_S * pauses)
