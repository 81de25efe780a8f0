"""Verify one speech server: a job that runs the checks in order, and ends with the table and its data."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from provision.errors import ProvisionError, Unreachable
from provision.model import Event, Job, Note, Result, Section, Status, Step, Summary, Table
from provision.verify import advice, checks, speed
from provision.verify.bench import Bench
from provision.verify.checks import Check, Findings, Visit
from provision.verify.measures import Measure, ms, percentile
from provision.verify.target import SpeechTarget, VerifyOptions

CHECKS = (
    Check("the server answers", checks.answers, vital=True),
    Check("the module and its slots", checks.slots, vital=True),
    Check("a wrong key is refused", checks.wrong_key),
    Check("it speaks", checks.speaks, vital=True),
    Check(speed.FIRST_AUDIO, speed.first_audio),
    Check("real-time factor", speed.real_time),
)
LOAD_CHECKS = (
    Check(speed.AT_ONCE, speed.at_once),
    Check("one more than all slots", speed.one_too_many),
)
LAST_CHECKS = (Check("the slots are free again", checks.free_again),)

BUSY_LAG_MS = 20.0
OWN_COST_MS = 1.0


@dataclass
class _Report:
    """What the checks have found so far, for the table and for machines."""

    host: str
    measures: list[Measure] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)

    def add(self, findings: Findings) -> None:
        self.measures += findings.measures
        self.data.update(findings.values)
        self.tables += findings.tables

    def table(self) -> Table:
        rows = tuple((measure.label, measure.text, measure.target_text) for measure in self.measures)
        return Table(
            f"measured at {self.host}", ("", "measured", "target"), rows, tuple(m.verdict for m in self.measures)
        )


def verify(target: SpeechTarget, options: VerifyOptions | None = None) -> Job:
    """Look at one text-to-speech server from here and measure it; every check gives one Result."""
    options = options or VerifyOptions()
    report = _Report(target.host)
    with Bench() as bench:
        visit = Visit(target, options, bench)
        yield Section(f"verify {target.host}", (target.host,))
        well = yield from _checks(visit, report)
        if visit.messages:
            report.add(_own_cost(visit))
            yield from _busy(visit)
    if report.measures:
        yield report.table()
    yield from report.tables
    yield Summary({"service_url": target.url, "verified": well, **report.data})


def _checks(visit: Visit, report: _Report) -> Generator[Event, None, bool]:
    """Runs the checks; answers whether all went well."""
    well = True
    for check in (*CHECKS, *(LOAD_CHECKS if visit.options.load else ()), *LAST_CHECKS):
        yield Step(visit.target.host, check.title)
        began = time.monotonic()
        try:
            findings = yield from check.look(visit)
        except ProvisionError as error:
            yield _failed(visit.target, check, error, time.monotonic() - began)
            well = False
            if check.vital:
                break
        else:
            report.add(findings)
            well = well and not findings.missed
            yield _result(visit.target, check, findings, time.monotonic() - began)
    return well


def _result(target: SpeechTarget, check: Check, findings: Findings, seconds: float) -> Result:
    status: Status = "missed" if findings.missed else "skipped" if findings.skipped else "ok"
    told = {"reason": findings.skipped} if findings.skipped else {}
    return Result(target.host, check.title, status, seconds, {**findings.values, **told}, problem=findings.missed)


def _failed(target: SpeechTarget, check: Check, error: ProvisionError, seconds: float) -> Result:
    status: Status = "unreachable" if isinstance(error, Unreachable) else "failed"
    return Result(target.host, check.title, status, seconds, problem=advice.problem(error, target))


def _own_cost(visit: Visit) -> Findings:
    """What our own side adds to what it measures."""
    lags = visit.bench.lags_s or [0.0]
    cost = ms(visit.bench.cpu_s / visit.messages)
    return Findings(
        (
            Measure("client_cost_per_message_ms", "our own cost for a message", cost, OWN_COST_MS),
            Measure("client_lag_p95_ms", "how late we notice, p95", ms(percentile(lags, 95))),
        )
    )


def _busy(visit: Visit) -> Iterator[Note]:
    lag = ms(percentile(visit.bench.lags_s or [0.0], 95))
    if lag > BUSY_LAG_MS:
        yield Note(f"this computer is busy: figures may be up to {lag:.0f} ms too high", level="warning")
