"""Jobs pass on events, and what is thrown at them."""

from __future__ import annotations

import pytest

from provision.errors import Interrupted
from provision.jobs import through
from provision.model import Event, Job, Note


def as_it_is(event: Event) -> Event:
    return event


def test_events_are_changed_or_left_out() -> None:
    def loud(event: Event) -> Event | None:
        assert isinstance(event, Note)
        return Note(event.text.upper()) if event.text != "quiet" else None

    assert list(through(iter([Note("a"), Note("quiet"), Note("b")]), loud)) == [Note("A"), Note("B")]


def test_an_interrupt_reaches_the_innermost_job() -> None:
    def innermost() -> Job:
        try:
            yield Note("working")
        except KeyboardInterrupt:
            yield Note("cleaning up")
            raise Interrupted("interrupted", "all clean") from None

    outer = through(through(innermost(), as_it_is), as_it_is)
    assert next(outer) == Note("working")
    assert outer.throw(KeyboardInterrupt()) == Note("cleaning up")  # type: ignore[attr-defined]
    with pytest.raises(Interrupted, match="interrupted"):
        next(outer)


def test_an_interrupt_in_the_change_reaches_the_job_too() -> None:
    heard = []

    def job() -> Job:
        try:
            yield Note("working")
        except KeyboardInterrupt:
            heard.append("interrupt")
            raise

    def struck(event: Event) -> Event:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(through(job(), struck))
    assert heard == ["interrupt"]


def test_an_interrupt_that_the_job_raises_goes_on() -> None:
    def job() -> Job:
        yield Note("working")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(through(job(), as_it_is))


def test_a_swallowed_interrupt_is_no_good_end() -> None:
    def job() -> Job:
        try:
            yield Note("working")
        except KeyboardInterrupt:
            return

    outer = through(job(), as_it_is)
    next(outer)
    with pytest.raises(KeyboardInterrupt):
        outer.throw(KeyboardInterrupt())  # type: ignore[attr-defined]


def test_an_iterator_that_is_no_generator_just_ends() -> None:
    outer = through(iter([Note("a"), Note("b")]), as_it_is)
    next(outer)
    with pytest.raises(KeyboardInterrupt):
        outer.throw(KeyboardInterrupt())  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["close", "error"])
def test_the_job_is_closed_with_the_one_around_it(how: str) -> None:
    closed = []

    def job() -> Job:
        try:
            yield Note("a")
            yield Note("b")
        finally:
            closed.append(True)

    held = job()
    outer = through(held, as_it_is)
    next(outer)
    if how == "close":
        outer.close()  # type: ignore[attr-defined]
    else:
        with pytest.raises(ZeroDivisionError):
            outer.throw(ZeroDivisionError())  # type: ignore[attr-defined]
    assert closed == [True]
