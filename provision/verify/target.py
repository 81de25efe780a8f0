"""What is to be verified, how thoroughly, and what counts as good."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from provision.speech.endpoint import Endpoint

SENTENCE = "Hello there."
PARAGRAPH = (
    "This longer text finds out whether sound is made faster than it is heard. "
    "Et voici une phrase en français, la seconde langue du modèle."
)


@dataclass(frozen=True)
class SpeechTarget:
    """One text-to-speech server. `host`: its name in the inventory; `managed`: we deployed it, our commands know it.

    `open_command` opens the firewall before it to the address that we have now.
    """

    host: str
    url: str
    key: str = field(default="", repr=False)
    slots_expected: int | None = None
    voice: str = ""
    ca_file: Path | None = None
    managed: bool = True
    open_command: str = ""

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.url, self.key, self.voice, self.ca_file)


@dataclass(frozen=True)
class Targets:
    """What counts as good; none of these may be exceeded.

    TTFA: time to first audio. RTF: seconds waited for one second of audio, so that 1 is real time. `loaded_` is with
    several streams at once, where the slowest counts.
    """

    ttfa_p50_ms: float = 800.0
    ttfa_p95_ms: float = 1000.0
    rtf_wall_per_audio: float = 1.0
    loaded_ttfa_p95_ms: float = 2000.0
    loaded_rtf_wall_per_audio: float = 1.0


@dataclass(frozen=True)
class VerifyOptions:
    """How thoroughly. `load`: also fill all slots, which takes them from other clients for some seconds."""

    runs: int = 20
    targets: Targets = field(default_factory=Targets)
    load: bool = True
    connect_s: float = 10.0
    patience_s: float = 20.0
    text: str = SENTENCE
    long_text: str = PARAGRAPH
