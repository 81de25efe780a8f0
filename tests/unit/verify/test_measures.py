"""Measured values: percentiles, verdicts, and how they read."""

from __future__ import annotations

import math

import pytest

from provision.verify.measures import Measure, data, missed, percentile


@pytest.mark.parametrize(
    ("values", "percent", "wanted"),
    [
        ([5.0], 95, 5.0),
        ([1.0, 2.0], 50, 1.5),
        ([3.0, 1.0, 2.0], 50, 2.0),
        ([float(n) for n in range(1, 21)], 95, 19.05),
        ([float(n) for n in range(1, 101)], 95, 95.05),
        ([1.0, 9.0], 0, 1.0),
        ([1.0, 9.0], 100, 9.0),
    ],
)
def test_percentiles_are_linear_between_ranks(values: list[float], percent: float, wanted: float) -> None:
    assert percentile(values, percent) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("value", "limit", "verdict"),
    [(1.0, None, "neutral"), (1.0, 1.0, "good"), (1.01, 1.0, "bad"), (math.nan, 1.0, "bad"), (math.inf, 1.0, "bad")],
)
def test_a_limit_may_be_reached_but_not_exceeded(value: float, limit: float | None, verdict: str) -> None:
    assert Measure("x", "x", value, limit).verdict == verdict


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("ttfa_p50_ms", 204.4, "204 ms"),
        ("ttfa_p50_ms", 1204.4, "1,204 ms"),
        ("round_trip_ms", 0.123, "0.12 ms"),
        ("rtf_wall_per_audio", 0.356, "0.36"),
        ("slots", 4.0, "4"),
    ],
)
def test_values_read_well(name: str, value: float, text: str) -> None:
    assert Measure(name, name, value).text == text


def test_values_that_are_no_finite_number_can_be_written_too() -> None:
    assert Measure("rtf", "rtf", math.inf).text == "inf"
    assert Measure("rtf", "rtf", math.nan).text == "nan"


def test_nothing_missed_is_no_problem() -> None:
    assert missed([Measure("a", "a", 1.0, 2.0), Measure("b", "b", 9.0)], "hint") is None


def test_all_that_is_missed_stands_in_one_sentence() -> None:
    problem = missed([Measure("a_ms", "first", 30.0, 20.0), Measure("b", "second", 2.5, 1.0)], "do this")
    assert problem is not None
    assert problem.what == "first is 30 ms (at most 20 ms), second is 2.50 (at most 1)"
    assert problem.hint == "do this"


def test_machines_get_names_and_rounded_values() -> None:
    assert data([Measure("a_ms", "label", 1.23456)]) == {"a_ms": 1.2346}
