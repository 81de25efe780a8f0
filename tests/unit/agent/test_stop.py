"""Stopping: told once, told to everybody, and never to somebody who has gone."""

from __future__ import annotations

import threading
import time

import pytest

from provision.agent.errors import Stopped
from provision.agent.stop import Stop


def test_nothing_happens_until_it_is_asked_for() -> None:
    stop = Stop()
    stop.check()
    stop.wait(0)
    assert (stop.asked, stop.reason) == (False, "")


def test_the_first_reason_is_kept() -> None:
    stop = Stop()
    stop.now("cancelled")
    stop.now("the controller is gone")
    assert stop.asked
    with pytest.raises(Stopped, match=r"^cancelled$"):
        stop.check()


def test_a_wait_ends_when_stopped() -> None:
    stop = Stop()
    threading.Timer(0.02, stop.now, ["cancelled"]).start()
    begun = time.monotonic()
    with pytest.raises(Stopped, match="cancelled"):
        stop.wait(30)
    assert time.monotonic() - begun < 5


def test_everybody_who_asked_is_called_and_those_who_left_are_not() -> None:
    stop = Stop()
    called: list[int] = []
    one, two = (lambda: called.append(1)), (lambda: called.append(2))
    stop.on(one)
    stop.on(two)
    stop.off(one)
    stop.now("x")
    assert called == [2]


def test_who_comes_late_is_called_at_once() -> None:
    stop = Stop()
    called: list[int] = []
    stop.now("x")
    stop.on(lambda: called.append(1))
    assert called == [1]


def test_being_called_again_is_possible_because_programs_may_not_listen() -> None:
    stop = Stop()
    called: list[int] = []
    stop.on(lambda: called.append(1))
    stop.now("x")
    stop.now("y")
    assert (called, stop.reason) == ([1, 1], "x")


def test_leaving_waits_for_a_call_that_is_under_way() -> None:
    """Otherwise the caller would write to pipes that are closed, or to what has their number by then."""
    stop = Stop()
    order: list[str] = []
    inside, go_on = threading.Event(), threading.Event()

    def end() -> None:
        inside.set()
        go_on.wait(5)
        order.append("called")

    stop.on(end)
    stopping = threading.Thread(target=stop.now, args=("x",))
    stopping.start()
    assert inside.wait(5)

    def leave() -> None:
        stop.off(end)
        order.append("left")

    leaving = threading.Thread(target=leave)
    leaving.start()
    leaving.join(0.05)
    assert leaving.is_alive() and order == []
    go_on.set()
    stopping.join(5)
    leaving.join(5)
    assert order == ["called", "left"]


def test_one_who_is_called_may_stop_again() -> None:
    stop = Stop()
    called: list[int] = []

    def end() -> None:
        if not called:
            called.append(1)
            stop.now("again")

    stop.on(end)
    thread = threading.Thread(target=stop.now, args=("first",), daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive() and stop.reason == "first"
