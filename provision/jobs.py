"""Jobs made of jobs: passes events on, and interrupts too, so that whoever works can clean up and tell."""

from __future__ import annotations

from collections.abc import Callable, Generator

from provision.model import Event, Job


def through(job: Job, change: Callable[[Event], Event | None]) -> Job:
    """The job's events, changed, or left out where `change` gives None.

    A plain `for event in job: yield ...` would keep Ctrl-C for itself when it strikes outside the job.
    """
    try:
        event = next(job, None)
        while event is not None:
            try:
                shown = change(event)
                if shown is not None:
                    yield shown
                event = next(job, None)
            except KeyboardInterrupt as interrupt:
                event = _told(job, interrupt)
    finally:
        if isinstance(job, Generator):
            job.close()


def _told(job: Job, interrupt: KeyboardInterrupt) -> Event | None:
    """What the job says to an interrupt; one that it raised itself, or that it cannot be told, goes on."""
    if not isinstance(job, Generator):
        raise interrupt
    try:
        said: Event = job.throw(interrupt)
    except StopIteration:
        raise interrupt from None
    return said
