"""The event loop that drives the streams, step by step between events, and what our own side costs while it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

LAG_EVERY_S = 0.01

T = TypeVar("T")


class Bench:
    """Runs one coroutine at a time, so that a job can tell in between how far it is.

    `cpu_s` is the processor time of our side, `lags_s` how late a timer rang that should ring every 10 ms: that late
    may anything else have been noticed.
    """

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.lags_s: list[float] = []

    def __enter__(self) -> Bench:
        self._loop = asyncio.new_event_loop()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Also after Ctrl-C every stream is closed, so that its slot is free again."""
        try:
            self._loop.run_until_complete(_end_all())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of this coroutine, with our own cost added up."""
        began = time.thread_time()
        try:
            return self._loop.run_until_complete(self._watched(work))
        finally:
            self.cpu_s += time.thread_time() - began

    async def _watched(self, work: Coroutine[Any, Any, T]) -> T:
        watch = asyncio.ensure_future(self._watch_lag())
        try:
            return await work
        finally:
            watch.cancel()

    async def _watch_lag(self) -> None:
        while True:
            due = time.perf_counter() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self.lags_s.append(max(0.0, time.perf_counter() - due))


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
