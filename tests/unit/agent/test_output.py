"""What a process prints: within bounds for the result, within a rate for the operator."""

from __future__ import annotations

from provision.agent.output import DRAWING_S, LINE_LIMIT, LINES_AT_ONCE, LINES_PER_SECOND, Kept, Live


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def live() -> tuple[Live, list[tuple[str, str]], Clock]:
    told: list[tuple[str, str]] = []
    clock = Clock()
    return Live(lambda stream, text: told.append((stream, text)), clock), told, clock


def test_little_output_is_kept_whole() -> None:
    kept = Kept(head=10, tail=10)
    for piece in (b"one", b"two", b"three"):
        kept.add(piece)
    assert kept.text() == "onetwothree"


def test_of_much_output_both_ends_are_kept_and_the_gap_is_named() -> None:
    kept = Kept(head=4, tail=4)
    for number in range(10):
        kept.add(b"%d" % number * 2)
    assert kept.text() == "0011\n[... 12 bytes left out ...]\n8899"
    assert kept.left_out == 12


def test_memory_stays_bounded_in_a_flood() -> None:
    kept = Kept(head=1000, tail=1000)
    for _ in range(1000):
        kept.add(b"x" * 500)
    assert len(kept.text()) < 3100
    assert kept.left_out > 490_000


def test_one_piece_larger_than_everything() -> None:
    kept = Kept(head=3, tail=3)
    kept.add(b"abcdefghij")
    assert kept.text().startswith("abc") and kept.text().endswith("hij")


def test_bytes_that_are_no_text_are_replaced() -> None:
    kept = Kept()
    kept.add(b"caf\xe9 \xff")
    assert kept.text() == "caf� �"


def test_lines_are_told_when_they_are_whole() -> None:
    lines, told, _ = live()
    lines.feed("stdout", b"one\ntw")
    assert told == [("stdout", "one")]
    lines.feed("stderr", b"err\n")
    lines.feed("stdout", b"o\n")
    assert told == [("stdout", "one"), ("stderr", "err"), ("stdout", "two")]


def test_the_last_line_needs_no_end() -> None:
    lines, told, _ = live()
    lines.feed("stdout", b"no end")
    lines.finish()
    assert told == [("stdout", "no end")]


def test_of_a_progress_bar_the_last_drawing_is_told() -> None:
    lines, told, _ = live()
    lines.feed("stdout", b"10%\r50%\r100%\r\n")
    assert told == [("stdout", "100%")]


def test_a_bar_that_takes_long_is_told_now_and_then_without_a_line_end() -> None:
    lines, told, clock = live()
    for percent in range(100):
        clock.now += DRAWING_S / 5
        lines.feed("stderr", b"%d%%\r" % percent)
    assert 10 <= len(told) <= 20
    assert told[0][0] == "stderr" and all(text.endswith("%") for _, text in told)


def test_a_bar_that_is_followed_by_other_words_in_its_line_is_told_before_them() -> None:
    """cargo's: the bar, a carriage return, then the next crate's line."""
    lines, told, clock = live()
    clock.now += DRAWING_S
    lines.feed("stderr", b"   Building [=> ] 3/484: a\r   Building [=> ] 4/484: b   \r   Compiling libc v0.2\n")
    assert [text.strip() for _, text in told] == ["Building [=> ] 4/484: b", "Compiling libc v0.2"]


def test_a_line_end_that_comes_in_two_pieces_is_one_line_end() -> None:
    lines, told, clock = live()
    clock.now += DRAWING_S
    lines.feed("stdout", b"one\r")
    clock.now += DRAWING_S
    lines.feed("stdout", b"\ntwo\r\n")
    assert told == [("stdout", "one"), ("stdout", "two")]


def test_the_last_drawing_of_a_bar_without_an_end_is_told() -> None:
    lines, told, _ = live()
    lines.feed("stdout", b"10%\r100%\r")
    lines.finish()
    assert told == [("stdout", "100%")]


def test_a_long_line_is_cut() -> None:
    lines, told, _ = live()
    lines.feed("stdout", b"x" * 100_000 + b"\n")
    assert told == [("stdout", "x" * LINE_LIMIT)]


def test_a_line_that_never_ends_does_not_fill_the_memory() -> None:
    lines, told, _ = live()
    for _ in range(100):
        lines.feed("stdout", b"x" * 100_000)
    lines.finish()
    assert told == [("stdout", "x" * LINE_LIMIT)]


def test_a_flood_is_counted_instead_of_shown() -> None:
    lines, told, clock = live()
    lines.feed("stdout", b"line\n" * 5000)
    assert len(told) == LINES_AT_ONCE
    clock.now += 1.0
    lines.feed("stdout", b"after\n" * 3)
    assert told[LINES_AT_ONCE] == ("stdout", f"[... {5000 - LINES_AT_ONCE} lines not shown ...]")
    assert told[LINES_AT_ONCE + 1 :] == [("stdout", "after")] * 3


def test_in_a_long_flood_there_is_one_remark_a_second() -> None:
    lines, told, clock = live()
    for _ in range(1000):
        clock.now += 0.01
        lines.feed("stdout", b"line\n" * 100)
    remarks = [text for _, text in told if "not shown" in text]
    assert 8 <= len(remarks) <= 10
    assert len(told) < LINES_AT_ONCE + 11 * LINES_PER_SECOND


def test_a_flood_at_the_end_is_counted_too() -> None:
    lines, told, _ = live()
    lines.feed("stdout", b"line\n" * (LINES_AT_ONCE + 7))
    lines.finish()
    assert told[-1] == ("stdout", "[... 7 lines not shown ...]")


def test_a_steady_stream_below_the_rate_is_told_whole() -> None:
    lines, told, clock = live()
    for _ in range(30):
        clock.now += 0.5
        lines.feed("stdout", b"line\n" * (LINES_PER_SECOND // 2))
    assert len(told) == 30 * (LINES_PER_SECOND // 2)
