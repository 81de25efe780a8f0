"""Durations, problems and foreign text, as every view words them."""

from __future__ import annotations

import random

import pytest

from provision.model import Problem
from provision.views.wording import duration, first_line, printable, problem_text, roughly


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (0.34, "0.3 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (245, "4 min 05 s"),
        (3599.7, "1 h 00 min"),
        (3720, "1 h 02 min"),
    ],
)
def test_a_measured_duration_is_as_exact_as_it_is_useful(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "about 1 s"), (40, "about 40 s"), (240, "about 4 min"), (5399, "about 90 min"), (9000, "about 2.5 h")],
)
def test_an_expected_duration_is_only_about(seconds: float, text: str) -> None:
    assert roughly(seconds) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("plain äöü ✓", "plain äöü ✓"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;new title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("10 %\r50 %\r100 %", "100 %"),
        ("100 %\r\nnext", "100 %\nnext"),
        ("done\r", "done"),
        ("bell\x07 back\x08space \x9b31m", "bell backspace 31m"),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_foreign_text_cannot_steer_the_terminal(raw: str, text: str) -> None:
    assert printable(raw) == text


def test_no_bytes_whatever_leave_an_escape_behind() -> None:
    chance = random.Random(7)
    for _ in range(2000):
        raw = "".join(chance.choice("\x1b[];0mA\x07\r\n\\\x9b\x00 x") for _ in range(12))
        assert not set(printable(raw)) & set("\x1b\x07\r\x9b\x00")


def test_a_problem_has_a_headline_and_labelled_parts() -> None:
    problem = Problem("cargo failed (exit code 101)\nline 1\nline 2", "no network", "provision deploy tts-1")
    assert first_line(problem) == "cargo failed (exit code 101)"
    assert problem_text(problem) == (
        "  what  line 1\n        line 2\n  why   no network\n  next  provision deploy tts-1"
    )


def test_parts_that_are_empty_are_left_out() -> None:
    assert problem_text(Problem("it failed", "  \n")) == ""
    assert problem_text(Problem("it failed", hint="try again")) == "  next  try again"
