"""The event loop between events: results come through, nothing is left behind, our own cost is counted."""

from __future__ import annotations

import asyncio
import time

import pytest

from provision.verify.bench import Bench


async def answer() -> int:
    await asyncio.sleep(0.03)
    return 42


def test_results_come_through_one_after_the_other() -> None:
    with Bench() as bench:
        assert [bench.run(answer()), bench.run(answer())] == [42, 42]


def test_errors_come_through_too_and_the_bench_goes_on() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    with Bench() as bench:
        with pytest.raises(ValueError, match="broken"):
            bench.run(fail())
        assert bench.run(answer()) == 42


def test_lag_is_watched_only_while_something_runs() -> None:
    with Bench() as bench:
        bench.run(answer())
        time.sleep(0.1)
        bench.run(answer())
        assert bench.lags_s
        assert max(bench.lags_s) < 0.09


def test_work_that_blocks_shows_as_lag_and_as_cost() -> None:
    async def block() -> None:
        await asyncio.sleep(0)
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
        await asyncio.sleep(0.02)

    with Bench() as bench:
        bench.run(block())
        assert bench.cpu_s >= 0.05
        assert max(bench.lags_s) >= 0.03


def test_what_an_interrupt_leaves_behind_is_ended() -> None:
    ended: list[bool] = []
    kept: list[asyncio.Future[None]] = []

    async def stay() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def interrupted() -> None:
        kept.append(asyncio.ensure_future(stay()))
        await asyncio.sleep(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Bench() as bench:
        bench.run(interrupted())
    assert ended == [True]
