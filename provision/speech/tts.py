"""Streamed text to speech: sends whole words, listens to what comes back, and measures it on the way."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from provision.speech.audio import Loudness, Samples, seconds
from provision.speech.endpoint import Endpoint
from provision.speech.failures import NO_STATUS, HungUp, Malformed
from provision.speech.protocol import Audio, Eos, Message, SpokenText, Text
from provision.speech.stream import PATIENCE, Patience, Stream, open_stream

NORMAL_CLOSURE = 1000

# What the server itself does to text before it cuts it into words.
_NORMALISED = str.maketrans({"’": "'", "–": "", "(": "", ")": "", ":": " "})


@dataclass(frozen=True)
class Synthesis:
    """One text, spoken and listened to. Times count from the first Text sent, `ready_s` from the connection's begin.

    `starved_s`: how long a player that starts with the first audio would have had to pause in all.
    """

    ready_s: float
    round_trip_s: float
    first_audio_s: float
    last_audio_s: float
    starved_s: float
    messages: int
    loudness: Loudness
    words: tuple[str, ...]

    @property
    def audio_s(self) -> float:
        return self.loudness.seconds

    @property
    def wall_per_audio(self) -> float:
        """Real-time factor, good below 1: seconds waited for one second of audio."""
        return self.last_audio_s / self.audio_s if self.audio_s else float("inf")

    @property
    def audio_per_wall(self) -> float:
        """Real-time factor the other way round, good above 1."""
        return self.audio_s / self.last_audio_s if self.last_audio_s else 0.0


def words(text: str) -> tuple[str, ...]:
    """The words that the server makes of a text and echoes one by one."""
    return tuple(text.translate(_NORMALISED).split())


async def say(stream: Stream, text: str) -> None:
    """Sends the words of a text, each in a message of its own, since a message must not cut a word in two."""
    for word in text.split():
        await stream.send(Text(word))


async def synthesize(endpoint: Endpoint, text: str, patience: Patience = PATIENCE) -> Synthesis:
    """Has one text spoken on a stream of its own."""
    async with open_stream(endpoint, patience) as stream:
        return await speak(stream, text)


async def speak(stream: Stream, text: str) -> Synthesis:
    """Has one text spoken on a stream that is ready; the stream is used up afterwards."""
    round_trip_s = await stream.round_trip()
    ear = _Ear(time.perf_counter())
    await say(stream, text)
    await stream.send(Eos())
    while (message := await stream.receive()) is not None:
        ear.hear(message, time.perf_counter())
    if stream.close_code not in (NO_STATUS, NORMAL_CLOSURE) or not ear.loudness.samples:
        raise HungUp(stream.close_code, stream.after)
    return ear.synthesis(stream.ready_s, round_trip_s)


@dataclass
class _Ear:
    """Notes what comes and when, without keeping the sound."""

    began: float
    first: float = 0.0
    last: float = 0.0
    starved_s: float = 0.0
    messages: int = 0
    loudness: Loudness = field(default_factory=Loudness)
    words: list[str] = field(default_factory=list)

    def hear(self, message: Message, now: float) -> None:
        self.messages += 1
        match message:
            case Audio(pcm):
                self._listen(pcm, now)
            case SpokenText(text):
                self.words.append(text)
            case _:
                raise Malformed(f"the server sent {type(message).__name__} in the middle of text to speech")

    def _listen(self, pcm: Samples, now: float) -> None:
        self.first = self.first or now
        self.last = now
        # A player is through with everything before this frame at `due`; what comes later makes it pause.
        due = self.first + seconds(self.loudness.samples) + self.starved_s
        self.starved_s += max(0.0, now - due)
        self.loudness = self.loudness.plus(pcm)

    def synthesis(self, ready_s: float, round_trip_s: float) -> Synthesis:
        return Synthesis(
            ready_s=ready_s,
            round_trip_s=round_trip_s,
            first_audio_s=self.first - self.began,
            last_audio_s=self.last - self.began,
            starved_s=self.starved_s,
            messages=self.messages,
            loudness=self.loudness,
            words=tuple(self.words),
        )
