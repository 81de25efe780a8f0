"""A voice without a model: moshi-server runs this script (module type "Py") and hums each word as a short tone.

It needs numpy alone and keeps the manners of the real text-to-speech model: the first audio comes on step 19, it waits
for two words of lookahead until the client says Eos, and a step takes as long as the config says. So network, key, TLS
and capacity of a new machine can be tried before gigabytes of weights are downloaded.

    [modules.tts_py]
    type = "Py"
    path = "/api/tts_streaming"
    script = ".../tone.py"
    text_tokenizer_file = ".../tone_tokenizer.model"
    text_bos_token = 1
    batch_size = 4
      [modules.tts_py.py]
      step_s = 0.01             # how long one step of 80 ms of audio takes
      fail_after_steps = 0      # above 0: the model dies there, as for want of memory; HTTP goes on answering
"""

import time
from collections import deque
from functools import lru_cache

import numpy as np

SAMPLE_RATE = 24_000
FRAME = 1_920  # samples of one step: 80 ms

HAS_PCM, IS_EOS, WORD_FINISHED, AR_STEP, MISSING_WORDS = 1, 2, 4, 8, 16

NEW_CLIENT = -1
EOS = [-2]
PAD = 3

# What the real model has: 16 steps between text and audio, 2 more in its codec, 2 words of lookahead.
DELAY = 18
LOOKAHEAD = 2
LEADING_FRAMES = 2
TRAILING_FRAMES = 4
IDLE_S = 0.001

DEFAULTS = {"step_s": 0.01, "fail_after_steps": 0}

# A pentatonic scale from A3: any order of its notes is pleasant.
SCALE = tuple(220.0 * 2 ** (half_tones / 12) for half_tones in (0, 3, 5, 7, 10, 12))
# Where the mouth of a, e, i, o, u resonates, in Hz.
VOWELS = ((730, 1090), (530, 1840), (270, 2290), (570, 840), (300, 870))


def init(batch_size, config):
    """What moshi-server calls once at its start; an unknown key in the config stops it there."""
    unknown = sorted(set(config) - set(DEFAULTS))
    if unknown:
        raise ValueError(f"tone.py knows {sorted(DEFAULTS)}, not {unknown}: see [modules.NAME.py] in the config")
    return Tone(batch_size, **{**DEFAULTS, **config})


@lru_cache(maxsize=512)
def hum(pitch, vowel, frames):
    """`frames` frames of one hummed vowel: harmonics under two resonances, swelling and fading."""
    moment = np.arange(frames * FRAME) / SAMPLE_RATE
    vibrato = 0.006 * np.sin(2 * np.pi * 5.5 * moment)
    phase = 2 * np.pi * pitch * (moment + vibrato / 5.5)
    wave = sum(_loudness(n * pitch, VOWELS[vowel]) * np.sin(n * phase) for n in range(1, 11))
    swell = np.minimum(1.0, np.minimum(moment / 0.02, (moment[-1] - moment) / 0.06))
    wave = 0.3 * swell * wave / np.abs(wave).max()
    return wave.astype(np.float32).reshape(frames, FRAME)


def _loudness(frequency, resonances):
    return 150.0 / frequency + sum(np.exp(-(((frequency - peak) / 180.0) ** 2)) for peak in resonances)


class Client:
    """One slot: the words that wait, the audio that is planned, and how many steps have been made."""

    def __init__(self, voice):
        self.octave = 2.0 if isinstance(voice, str) and sum(voice.encode()) % 2 else 1.0
        self.words = deque()
        self.frames = deque([None] * LEADING_FRAMES)
        self.busy = LEADING_FRAMES
        self.steps = 0
        self.end = None
        self.complete = False

    def take(self, tokens):
        if tokens == EOS:
            self.complete = True
        else:
            self.words.append(tokens)

    def can_step(self):
        """Without Eos a word is begun only when enough words follow it."""
        if self.complete:
            return True
        if not self.words:
            return False
        return is_pause(self.words[0]) or sum(not is_pause(word) for word in self.words) > LOOKAHEAD

    def step(self, pcm):
        """One step of 80 ms: writes the audio that is due into `pcm` and answers the flags."""
        flags = AR_STEP | self._read()
        if self.steps >= DELAY:
            frame = self.frames.popleft() if self.frames else None
            pcm[:] = 0.0 if frame is None else frame
            flags |= HAS_PCM
        self.steps += 1
        if self.end is not None and self.steps >= self.end + DELAY + TRAILING_FRAMES:
            flags |= IS_EOS
        return flags

    def _read(self):
        """Goes on with the word at hand, begins the next one, or finds that there is none."""
        if self.busy:
            self.busy -= 1
        elif self.words:
            planned = self._speak(self.words.popleft())
            self.frames.extend(planned)
            self.busy = len(planned) - 1
            return WORD_FINISHED
        elif self.end is None:
            self.end = self.steps
        return 0

    def _speak(self, tokens):
        if is_pause(tokens):
            return [None] * len(tokens)
        pitch = self.octave * SCALE[sum(tokens) % len(SCALE)]
        length = 2 + min(len(tokens), 12) // 2
        return [*hum(pitch, sum(tokens) % len(VOWELS), length), None]


def is_pause(tokens):
    """A pause comes as padding, one token for each frame."""
    return bool(tokens) and tokens[0] == PAD


class Tone:
    """The app that moshi-server drives: one call of `step` moves every client on by one step."""

    def __init__(self, batch_size, step_s, fail_after_steps):
        self.clients = [None] * batch_size
        self.step_s = float(step_s)
        self.fail_after_steps = int(fail_after_steps)
        self.steps = 0

    def step(self, updates, pcm_out, flags_out, code_out):
        began = time.perf_counter()
        flags_out[:] = 0
        code_out[:] = 0
        for slot, tokens, voice in updates:
            self._update(slot, list(tokens), voice)
        if not any([self._advance(slot, pcm_out, flags_out) for slot in range(len(self.clients))]):
            time.sleep(IDLE_S)
            return
        self._wear()
        time.sleep(max(0.0, self.step_s - (time.perf_counter() - began)))

    def _update(self, slot, tokens, voice):
        if tokens[:1] == [NEW_CLIENT]:
            self.clients[slot] = Client(voice)
            tokens = tokens[1:]
        if self.clients[slot] is not None:
            self.clients[slot].take(tokens)

    def _advance(self, slot, pcm_out, flags_out):
        """Moves one client on; answers whether there was anything to do for it."""
        client = self.clients[slot]
        if client is None:
            return False
        if not client.can_step():
            flags_out[slot] = MISSING_WORDS
            return False
        flags_out[slot] = client.step(pcm_out[slot])
        if flags_out[slot] & IS_EOS:
            self.clients[slot] = None
        return True

    def _wear(self):
        self.steps += 1
        if 0 < self.fail_after_steps <= self.steps:
            raise RuntimeError("tone.py was told to die here: fail_after_steps")
