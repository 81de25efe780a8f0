"""The tone script, driven as moshi-server drives it, keeps the manners of the real model: delay, lookahead, Eos."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from provision.shipped import folder

SCRIPT = folder("playbooks") / "roles/moshi_server/files/tone.py"
HAS_PCM, IS_EOS, WORD_FINISHED, AR_STEP, MISSING_WORDS = 1, 2, 4, 8, 16
BOS, PAD = 1, 3
HELLO = [260, 294, 261]
EOS = [-2]


@pytest.fixture(scope="module")
def tone() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("tone", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.dont_write_bytecode = writes


class Driver:
    """Calls `step` with the arrays that moshi-server hands in, one update for a slot and call."""

    def __init__(self, tone: ModuleType, slots: int = 2, **config: Any) -> None:
        self.app = tone.init(slots, {"step_s": 0, **config})
        self.pcm = np.zeros((slots, 1920), np.float32)
        self.flags = np.full(slots, 255, np.uint8)
        self.codes = np.zeros((slots, 33), np.int32)
        self.queues: list[list[tuple[list[int], Any]]] = [[] for _ in range(slots)]

    def say(self, *words: list[int], slot: int = 0, voice: Any = None) -> Driver:
        self.queues[slot] += [([-1, BOS, *words[0]], voice), *((word, None) for word in words[1:])]
        return self

    def more(self, *words: list[int], slot: int = 0) -> Driver:
        self.queues[slot] += [(word, None) for word in words]
        return self

    def step(self) -> np.ndarray:
        updates = [(slot, *queue.pop(0)) for slot, queue in enumerate(self.queues) if queue]
        self.app.step(updates, self.pcm, self.flags, self.codes)
        return self.flags

    def steps(self, count: int, slot: int = 0) -> list[int]:
        return [int(self.step()[slot]) for _ in range(count)]

    def whole(self, slot: int = 0, most: int = 500) -> tuple[list[int], np.ndarray]:
        """Every flag and all audio of a slot until its end."""
        flags, frames = [], []
        for _ in range(most):
            flags.append(int(self.step()[slot]))
            if flags[-1] & HAS_PCM:
                frames.append(self.pcm[slot].copy())
            if flags[-1] & IS_EOS:
                return flags, np.concatenate(frames)
        raise AssertionError("no end of the stream")


def test_the_first_audio_comes_on_step_19(tone: ModuleType) -> None:
    flags = Driver(tone).say(HELLO).more(EOS).steps(30)
    made = [flag for flag in flags if flag & AR_STEP]
    assert [bool(flag & HAS_PCM) for flag in made].index(True) == 18


def test_a_word_and_eos_are_spoken_to_the_end(tone: ModuleType) -> None:
    flags, sound = Driver(tone).say(HELLO).more(EOS).whole()
    assert flags[-1] & IS_EOS
    assert flags[-1] & HAS_PCM
    assert sum(bool(flag & WORD_FINISHED) for flag in flags) == 1
    assert np.sqrt(np.mean(sound**2)) > 0.03
    assert np.abs(sound).max() <= 0.99


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_words_without_eos_are_never_begun(tone: ModuleType, count: int) -> None:
    flags = Driver(tone).say(*[HELLO] * count).steps(50)
    assert set(flags) == {MISSING_WORDS}


def test_three_words_without_eos_make_three_steps_and_stall(tone: ModuleType) -> None:
    flags = Driver(tone).say(HELLO, HELLO, HELLO).steps(60)
    assert sum(bool(flag & AR_STEP) for flag in flags) == 3
    assert not any(flag & HAS_PCM for flag in flags)
    assert flags[-1] == MISSING_WORDS


def test_ten_words_without_eos_begin_to_sound_and_withhold_the_last(tone: ModuleType) -> None:
    flags = Driver(tone).say(*[HELLO] * 10).steps(200)
    assert any(flag & HAS_PCM for flag in flags)
    assert sum(bool(flag & WORD_FINISHED) for flag in flags) == 8
    assert flags[-1] == MISSING_WORDS


def test_a_stalled_client_goes_on_when_words_come(tone: ModuleType) -> None:
    driver = Driver(tone).say(HELLO, HELLO, HELLO)
    driver.steps(20)
    flags, _ = driver.more(HELLO, EOS).whole()
    assert sum(bool(flag & WORD_FINISHED) for flag in flags) == 3  # the first was begun before


def test_every_word_is_announced_once(tone: ModuleType) -> None:
    flags, _ = Driver(tone).say(*[HELLO] * 7).more(EOS).whole()
    assert sum(bool(flag & WORD_FINISHED) for flag in flags) == 7


def test_the_first_word_is_announced_after_a_step_was_made(tone: ModuleType) -> None:
    # moshi-server drops the echo of a word that begins on step 0.
    flags = [flag for flag in Driver(tone).say(HELLO).more(EOS).steps(20) if flag & AR_STEP]
    assert not flags[0] & WORD_FINISHED


def test_longer_words_sound_longer_up_to_a_limit(tone: ModuleType) -> None:
    short, long, huge = (len(Driver(tone).say([9] * n).more(EOS).whole()[1]) for n in (1, 8, 500))
    assert short < long < huge <= short + 6 * 1920


def test_a_pause_is_silence_of_its_length(tone: ModuleType) -> None:
    without = len(Driver(tone).say(HELLO, HELLO).more(EOS).whole()[1])
    with_pause = len(Driver(tone).say(HELLO, [PAD] * 12, HELLO).more(EOS).whole()[1])
    assert with_pause - without == 12 * 1920


def test_a_pause_counts_as_no_word_of_lookahead(tone: ModuleType) -> None:
    flags = Driver(tone).say(HELLO, [PAD], [PAD], HELLO).steps(40)
    assert set(flags) == {MISSING_WORDS}


def test_flags_are_cleared_on_every_call(tone: ModuleType) -> None:
    driver = Driver(tone)
    driver.flags[:] = 255
    assert driver.step().tolist() == [0, 0]


def test_slots_do_not_hear_each_other(tone: ModuleType) -> None:
    driver = Driver(tone).say(HELLO).more(EOS).say([300, 301, 302], [9, 9], slot=1).more(EOS, slot=1)
    alone = Driver(tone).say(HELLO).more(EOS).whole()[1]
    assert np.array_equal(driver.whole()[1], alone)


def test_after_its_end_a_slot_rests(tone: ModuleType) -> None:
    driver = Driver(tone).say(HELLO).more(EOS)
    driver.whole()
    assert driver.steps(3) == [0, 0, 0]


def test_a_slot_serves_the_next_client_afresh(tone: ModuleType) -> None:
    driver = Driver(tone).say(HELLO, HELLO).more(EOS)
    first = driver.whole()
    second = driver.say(HELLO, HELLO).more(EOS).whole()
    assert first[0] == second[0]
    assert np.array_equal(first[1], second[1])


def test_a_new_client_takes_over_a_slot_whose_client_went_away(tone: ModuleType) -> None:
    driver = Driver(tone).say(*[HELLO] * 5)
    driver.steps(30)
    flags, _ = driver.say(HELLO).more(EOS).whole()
    assert [bool(flag & HAS_PCM) for flag in flags if flag & AR_STEP].index(True) == 18


def test_voices_differ(tone: ModuleType) -> None:
    one = Driver(tone).say(HELLO, voice="a").more(EOS).whole()[1]
    other = Driver(tone).say(HELLO, voice="b").more(EOS).whole()[1]
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    "voice", [None, "unknown.wav", np.zeros((1, 5, 512), np.float32)], ids=["none", "name", "embedding"]
)
def test_any_voice_is_taken(tone: ModuleType, voice: Any) -> None:
    assert Driver(tone).say(HELLO, voice=voice).more(EOS).whole()[1].any()


def test_odd_updates_do_not_kill_the_model(tone: ModuleType) -> None:
    driver = Driver(tone)
    driver.app.step([(0, [5, 6], None), (1, EOS, None)], driver.pcm, driver.flags, driver.codes)  # nobody opened these
    driver.app.step([(0, [-1], None)], driver.pcm, driver.flags, driver.codes)
    driver.app.step([(0, [], None)], driver.pcm, driver.flags, driver.codes)
    assert driver.more(EOS).whole()[0][-1] & IS_EOS


def test_a_step_takes_as_long_as_the_config_says(tone: ModuleType) -> None:
    driver = Driver(tone, step_s=0.02).say(HELLO).more(EOS)
    driver.steps(2)
    began = time.perf_counter()
    driver.steps(5)
    assert 0.1 <= time.perf_counter() - began < 0.2


def test_with_nothing_to_do_it_does_not_spin(tone: ModuleType) -> None:
    driver = Driver(tone, step_s=5.0)
    began = time.perf_counter()
    driver.steps(10)
    assert 0.01 <= time.perf_counter() - began < 1.0


def test_it_can_die_on_purpose(tone: ModuleType) -> None:
    driver = Driver(tone, fail_after_steps=5).say(HELLO).more(EOS)
    with pytest.raises(RuntimeError, match="fail_after_steps"):
        driver.steps(10)


def test_an_unknown_key_stops_the_start(tone: ModuleType) -> None:
    with pytest.raises(ValueError, match="stepp_s"):
        tone.init(1, {"stepp_s": 0.1})


def test_it_needs_numpy_alone() -> None:
    imported = {line.split()[1] for line in SCRIPT.read_text().splitlines() if line.startswith(("import ", "from "))}
    assert imported == {"time", "collections", "functools", "numpy"}


def test_a_full_house_of_64_costs_far_less_than_the_steps_it_imitates(tone: ModuleType) -> None:
    driver = Driver(tone, slots=64)
    for slot in range(64):
        driver.say(*[[260 + slot, word] for word in range(12)], slot=slot).more(EOS, slot=slot)
    driver.steps(40)
    began = time.thread_time()
    driver.steps(20)
    assert (time.thread_time() - began) / 20 < 0.02


def test_the_script_lies_where_the_playbooks_copy_it_from() -> None:
    assert isinstance(SCRIPT, Path)
    assert (SCRIPT.parent / "tone_tokenizer.model").stat().st_size < 241_000
