"""Sample arithmetic: 24 kHz, one channel, floats from -1 to 1, frames of 80 ms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SAMPLE_RATE = 24_000
FRAME = 1_920
FRAME_S = FRAME / SAMPLE_RATE

SILENCE_RMS = 0.001
"""-60 dB of full scale: what is quieter all along is no speech."""


def seconds(samples: int) -> float:
    """How long so many samples last. Samples, not bytes: four bytes make one."""
    return samples / SAMPLE_RATE


def rms(pcm: Samples) -> float:
    """Root mean square: the loudness of a piece of sound; 0 for none at all."""
    return float(np.sqrt(energy(pcm) / len(pcm))) if len(pcm) else 0.0


def energy(pcm: Samples) -> float:
    """The sum of squares, which adds up over frames. NaN or infinite samples show in the sum."""
    return float(np.dot(pcm, pcm))


@dataclass(frozen=True)
class Loudness:
    """How loud a stream was: adds up frame by frame without keeping them."""

    samples: int = 0
    energy: float = 0.0

    def plus(self, pcm: Samples) -> Loudness:
        return Loudness(self.samples + len(pcm), self.energy + energy(pcm))

    @property
    def rms(self) -> float:
        return float(np.sqrt(self.energy / self.samples)) if self.samples else 0.0

    @property
    def silent(self) -> bool:
        """Too quiet to be speech, or no numbers at all (NaN)."""
        return not self.rms > SILENCE_RMS

    @property
    def seconds(self) -> float:
        return seconds(self.samples)
