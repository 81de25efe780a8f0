"""cargo's progress, from lines that it really printed to a pipe."""

from __future__ import annotations

import pytest

from provision.deploy.cargo import as_progress, expected_s
from provision.model import Output, Progress

TITLE = "moshi_install : Wait for the compile"


def line(text: str) -> Output:
    return Output("tts-1", TITLE, text, "stderr")


def test_a_line_of_the_bar_is_progress_in_crates() -> None:
    text = "    Building [=======================> ] 480/484: moshi, bincode"
    assert as_progress(line(text)) == Progress("tts-1", TITLE, 480, 484, "crates", "moshi, bincode")


def test_the_last_of_several_states_in_one_line_counts() -> None:
    text = (
        "    Building [                           ] 3/484: autocfg, proc-macro2(build) \r"
        "    Building [                           ] 4/484: autocfg, proc-macro2        \r   Compiling cfg-if v1.0.0"
    )
    told = as_progress(line(text))
    assert isinstance(told, Progress)
    assert (told.done, told.detail) == (4, "autocfg, proc-macro2")


def test_a_terminals_erase_code_is_no_crate() -> None:
    told = as_progress(line("    Building [==>        ] 12/345: foo\x1b[K"))
    assert told == Progress("tts-1", TITLE, 12, 345, "crates", "foo")


def test_the_first_state_may_name_no_crate() -> None:
    assert as_progress(line("    Building [      ] 0/484")) == Progress("tts-1", TITLE, 0, 484, "crates", "")


@pytest.mark.parametrize(
    "text",
    [
        "   Compiling candle-core v0.9.1",
        "       Fetch 297 complete; 25 pending",
        "error: could not compile `moshi-server` (bin)",
        "Building [wheel] for 3/4",
        "",
    ],
)
def test_every_other_line_stays_as_it_is(text: str) -> None:
    assert as_progress(line(text)) == line(text)


def test_more_cores_are_expected_to_compile_sooner() -> None:
    assert expected_s(8) < expected_s(2) < expected_s(1)


def test_no_cores_at_all_divide_by_nothing() -> None:
    assert expected_s(0) == expected_s(1)
