"""Sample arithmetic: samples are not bytes, and silence is not speech."""

from __future__ import annotations

import numpy as np
import pytest

from provision.speech.audio import FRAME, FRAME_S, Loudness, rms, seconds


def test_a_second_has_24000_samples_whatever_their_size_in_bytes() -> None:
    assert seconds(24_000) == 1.0
    assert seconds(FRAME) == FRAME_S == 0.08


def test_loudness_of_a_sine_is_its_amplitude_by_root_two() -> None:
    wave = np.sin(np.arange(24_000) * 2 * np.pi * 100 / 24_000).astype(np.float32)
    assert rms(wave) == pytest.approx(2**-0.5, rel=1e-4)


def test_nothing_has_no_loudness() -> None:
    assert rms(np.zeros(0, np.float32)) == 0.0
    assert Loudness().rms == 0.0
    assert Loudness().silent


def test_loudness_adds_up_over_frames() -> None:
    loud, quiet = np.full(1920, 0.5, np.float32), np.zeros(1920, np.float32)
    both = Loudness().plus(loud).plus(quiet)
    assert both.samples == 3840
    assert both.seconds == 0.16
    assert both.rms == pytest.approx(rms(np.concatenate([loud, quiet])))


@pytest.mark.parametrize(
    ("level", "silent"), [(0.0, True), (0.0005, True), (0.002, False), (0.5, False), (np.nan, True)]
)
def test_silence_is_what_is_quieter_than_60_decibels_or_no_number(level: float, silent: bool) -> None:
    assert Loudness().plus(np.full(1920, level, np.float32)).silent is silent
