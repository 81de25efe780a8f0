"""The checks that measure: time to first audio, real-time factor, many streams at once, one more than all slots."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import TypeVar

from provision.errors import ProvisionError
from provision.model import Progress, Table
from provision.speech import service
from provision.speech.failures import NoFreeSlots
from provision.speech.stream import Stream, open_stream
from provision.speech.tts import Synthesis, speak
from provision.verify import advice
from provision.verify.checks import Checking, Findings, Visit
from provision.verify.measures import Measure, missed, ms, percentile
from provision.verify.target import Targets

FIRST_AUDIO = "time to first audio"
AT_ONCE = "streams at once"
STEP = "py_model_step_duration"

T = TypeVar("T")


@dataclass(frozen=True)
class Level:
    """So many streams at once, and how it went. The slowest stream counts: it is somebody's."""

    streams: int
    ttfa_p50_ms: float
    ttfa_p95_ms: float
    rtf_wall_per_audio_max: float
    starved_max_ms: float


def first_audio(visit: Visit) -> Checking:
    """From the first Text sent to the first Audio, again and again, one stream at a time."""
    heard: list[Synthesis] = []
    before = _step_times(visit)
    for run in range(visit.options.runs):
        heard.append(visit.synthesize(visit.options.text))
        took = f"{ms(heard[-1].first_audio_s):.0f} ms"
        yield Progress(visit.target.host, FIRST_AUDIO, run + 1, visit.options.runs, "runs", took)
    targets = visit.options.targets
    first = [ms(synthesis.first_audio_s) for synthesis in heard]
    measures: tuple[Measure, ...] = (
        Measure("ttfa_p50_ms", "time to first audio, median", percentile(first, 50), targets.ttfa_p50_ms),
        Measure("ttfa_p95_ms", "time to first audio, p95", percentile(first, 95), targets.ttfa_p95_ms),
        Measure("ttfa_max_ms", "time to first audio, slowest", max(first)),
        Measure("round_trip_ms", "round trip, median", percentile([ms(s.round_trip_s) for s in heard], 50)),
    )
    measures += _model_step(before, _step_times(visit))
    option = f"--ttfa-p50-ms {measures[0].value * 1.25:.0f} --ttfa-p95-ms {measures[1].value * 1.25:.0f}"
    return Findings(measures, {"ttfa_runs": len(first)}, missed(measures, advice.faster(visit.target, option)))


def real_time(visit: Visit) -> Checking:
    """A longer text alone: how much faster than it is listened to?"""
    yield from ()
    synthesis = visit.synthesize(visit.options.long_text)
    limit = visit.options.targets.rtf_wall_per_audio
    measures = (
        Measure("rtf_wall_per_audio", "real-time factor, wall / audio", synthesis.wall_per_audio, limit),
        Measure("audio_per_wall", "the other way round, audio / wall", synthesis.audio_per_wall),
        Measure("starved_ms", "silence a listener would have heard in between", ms(synthesis.starved_s)),
    )
    hint = advice.faster(visit.target, f"--rtf {synthesis.wall_per_audio * 1.25:.2f}")
    return Findings(measures, {"audio_s": round(synthesis.audio_s, 2)}, missed(measures, hint))


def _step_times(visit: Visit) -> tuple[float, float]:
    """How many steps the model has made, and the seconds they took; nothing where a proxy hides the counters."""
    try:
        values = service.metrics(visit.target.endpoint, visit.options.connect_s).values
    except ProvisionError:
        return 0.0, 0.0
    return values.get(f"{STEP}_count", 0.0), values.get(f"{STEP}_sum", 0.0)


def _model_step(before: tuple[float, float], after: tuple[float, float]) -> tuple[Measure, ...]:
    """What the model itself needs for a step; the first audio takes 19 of them."""
    steps, seconds = after[0] - before[0], after[1] - before[1]
    return (
        (Measure("model_step_ms", "one step of the model (80 ms of audio)", ms(seconds / steps)),) if steps > 0 else ()
    )


def levels(free: int) -> tuple[int, ...]:
    """One stream, half of the slots, all of them."""
    return tuple(sorted({1, max(1, free // 2), free}))


def at_once(visit: Visit) -> Checking:
    """The same longer text on several streams that begin in the same moment."""
    if visit.free_slots < 1:
        return Findings(skipped="the number of slots is not known: say it with --slots")
    wanted, done = levels(visit.free_slots), list[Level]()
    for count in wanted:
        yield Progress(visit.target.host, AT_ONCE, len(done), len(wanted), "levels", f"{count} at once")
        done.append(_level(visit, count))
    yield Progress(visit.target.host, AT_ONCE, len(done), len(wanted), "levels")
    measures = _worst(done, visit.options.targets)
    option = f"--loaded-ttfa-p95-ms {measures[0].value * 1.25:.0f} --loaded-rtf {measures[1].value * 1.25:.2f}"
    load = [{name: round(value, 4) for name, value in asdict(level).items()} for level in done]
    problem = missed(measures, advice.faster(visit.target, option))
    return Findings(measures, {"load": load}, problem, tables=(_load_table(visit.target.host, done),))


def _worst(done: Sequence[Level], targets: Targets) -> tuple[Measure, ...]:
    ttfa = max(level.ttfa_p95_ms for level in done)
    rtf = max(level.rtf_wall_per_audio_max for level in done)
    starved = max(level.starved_max_ms for level in done)
    return (
        Measure("loaded_ttfa_p95_ms", "at once: time to first audio, p95", ttfa, targets.loaded_ttfa_p95_ms),
        Measure("loaded_rtf_wall_per_audio", "at once: slowest, wall / audio", rtf, targets.loaded_rtf_wall_per_audio),
        Measure("loaded_starved_ms", "at once: silence in between", starved),
    )


def _load_table(host: str, done: Sequence[Level]) -> Table:
    columns = ("streams", "first audio, median", "p95", "slowest, wall / audio", "silence in between")
    rows = tuple(
        (
            str(level.streams),
            f"{level.ttfa_p50_ms:,.0f} ms",
            f"{level.ttfa_p95_ms:,.0f} ms",
            f"{level.rtf_wall_per_audio_max:.2f}",
            f"{level.starved_max_ms:,.0f} ms",
        )
        for level in done
    )
    return Table(f"streams at once at {host}", columns, rows)


def one_too_many(visit: Visit) -> Checking:
    """With all slots taken the next client is told so; anything else would look like a fault of the network."""
    yield from ()
    if visit.slots is None or visit.used_before:
        return Findings(skipped="other clients use the server" if visit.used_before else "the slots are not known")
    told = visit.bench.run(_one_too_many(visit, visit.slots))
    return Findings((), {"over_capacity_answer": told})


def _level(visit: Visit, count: int) -> Level:
    text = visit.options.long_text
    heard = [visit.heard(synthesis, text) for synthesis in visit.bench.run(_speak_at_once(visit, count, text))]
    first = [ms(synthesis.first_audio_s) for synthesis in heard]
    return Level(
        streams=count,
        ttfa_p50_ms=percentile(first, 50),
        ttfa_p95_ms=percentile(first, 95),
        rtf_wall_per_audio_max=max(synthesis.wall_per_audio for synthesis in heard),
        starved_max_ms=max(ms(synthesis.starved_s) for synthesis in heard),
    )


async def _speak_at_once(visit: Visit, count: int, text: str) -> Sequence[Synthesis]:
    async with AsyncExitStack() as opened:
        streams = await _open(visit, opened, count)
        return await _all(speak(stream, text) for stream in streams)


async def _one_too_many(visit: Visit, slots: int) -> str:
    async with AsyncExitStack() as opened:
        await _open(visit, opened, slots)
        try:
            await _open(visit, opened, 1)
        except NoFreeSlots as full:
            return full.message
    raise ProvisionError(
        f"with all {slots} slots taken one more client was let in",
        "the number of slots that the server shows is not the one it keeps",
        advice.restart(visit.target),
    )


async def _open(visit: Visit, opened: AsyncExitStack, count: int) -> list[Stream]:
    endpoint = visit.target.endpoint
    entering = (opened.enter_async_context(open_stream(endpoint, visit.patience)) for _ in range(count))
    return await _all(entering)


async def _all(work: Iterable[Awaitable[T]]) -> list[T]:
    """Like gather, but a failure is raised only when all have ended: nothing is left running behind it."""
    ended = await asyncio.gather(*work, return_exceptions=True)
    done: list[T] = []
    for result in ended:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done
