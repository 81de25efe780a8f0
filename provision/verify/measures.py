"""Measured values: what they are called, how they read, and whether they are as good as asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from provision.model import Problem

Verdict = Literal["good", "bad", "neutral"]


@dataclass(frozen=True)
class Measure:
    """One measured value. `name` is for machines and ends in the unit; `limit` is what it must not exceed."""

    name: str
    label: str
    value: float
    limit: float | None = None

    @property
    def met(self) -> bool:
        # Written so that a NaN is not met.
        return self.limit is None or self.value <= self.limit

    @property
    def text(self) -> str:
        return self._written(self.value)

    @property
    def target_text(self) -> str:
        return "" if self.limit is None else f"at most {self._written(self.limit)}"

    @property
    def verdict(self) -> Verdict:
        if self.limit is None:
            return "neutral"
        return "good" if self.met else "bad"

    def _written(self, value: float) -> str:
        if self.name.endswith("_ms"):
            return f"{value:,.0f} ms" if value >= 10 else f"{value:.2f} ms"
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:.2f}"


def ms(seconds: float) -> float:
    return seconds * 1000.0


def percentile(values: Sequence[float], percent: float) -> float:
    """Linear between the two nearest ranks, as numpy and spreadsheets do it."""
    ordered = sorted(values)
    rank = (len(ordered) - 1) * percent / 100
    low, high = math.floor(rank), math.ceil(rank)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


def data(measures: Iterable[Measure]) -> Mapping[str, Any]:
    """Names and values for machines."""
    return {measure.name: round(measure.value, 4) for measure in measures}


def missed(measures: Iterable[Measure], hint: str) -> Problem | None:
    """What is not as good as asked for, if anything."""
    bad = [measure for measure in measures if not measure.met]
    if not bad:
        return None
    told = ", ".join(f"{measure.label} is {measure.text} ({measure.target_text})" for measure in bad)
    return Problem(told, "the server works, but not as fast as asked for", hint)
