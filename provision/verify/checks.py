"""The checks that show what kind of server this is: does it answer, whom does it let in, does it really speak."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from provision.errors import ProvisionError
from provision.model import Event, Problem, Table
from provision.speech import service
from provision.speech.audio import SILENCE_RMS
from provision.speech.endpoint import SHIPPED_KEY
from provision.speech.failures import NoFreeSlots, UnexpectedAnswer, WrongKey
from provision.speech.stream import Patience, open_stream
from provision.speech.tts import Synthesis, synthesize, words
from provision.verify import advice
from provision.verify.bench import Bench
from provision.verify.measures import Measure, data, ms
from provision.verify.target import SpeechTarget, VerifyOptions

FREE_AGAIN_S = 5.0
POLL_S = 0.1


@dataclass(frozen=True)
class Findings:
    """What a check found: measures, other public values, and what was missed or left out."""

    measures: tuple[Measure, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    missed: Problem | None = None
    skipped: str = ""
    tables: tuple[Table, ...] = ()

    @property
    def values(self) -> dict[str, Any]:
        """Everything by its name, for machines."""
        return {**data(self.measures), **self.data}


@dataclass
class Visit:
    """One verification under way: what is visited and how, and what the checks so far have found."""

    target: SpeechTarget
    options: VerifyOptions
    bench: Bench
    slots: int | None = None
    used_before: int = 0
    messages: int = 0

    @property
    def patience(self) -> Patience:
        return Patience(self.options.connect_s, self.options.patience_s)

    @property
    def free_slots(self) -> int:
        return (self.slots or 0) - self.used_before

    def synthesize(self, text: str) -> Synthesis:
        """One text spoken on a stream of its own, and found to be what was asked for."""
        return self.heard(self.bench.run(synthesize(self.target.endpoint, text, self.patience)), text)

    def heard(self, synthesis: Synthesis, text: str) -> Synthesis:
        """The same synthesis, when it is sound and the right words."""
        self.messages += synthesis.messages
        if synthesis.loudness.silent:
            raise ProvisionError(
                f"{synthesis.audio_s:.1f} s of audio came, and all of it is silence (RMS {synthesis.loudness.rms:.5f})",
                f"speech is louder than {SILENCE_RMS}: the voice or the model is broken",
                advice.logs(self.target),
            )
        if synthesis.words != words(text):
            raise ProvisionError(
                "the server spoke other words than it was sent",
                f"sent: {' '.join(words(text))}; spoken: {' '.join(synthesis.words) or 'none'}",
                advice.logs(self.target),
            )
        return synthesis


Checking = Generator[Event, None, Findings]


@dataclass(frozen=True)
class Check:
    """One check. When a vital one fails, those after it would only fail too."""

    title: str
    look: Callable[[Visit], Checking]
    vital: bool = False


def answers(visit: Visit) -> Checking:
    """HTTP answers, and it is a moshi-server that does."""
    yield from ()
    info = service.build_info(visit.target.endpoint, visit.options.connect_s)
    measure = Measure("http_round_trip_ms", "HTTP round trip with connecting", ms(info.round_trip_s))
    return Findings((measure,), {"built": info.built, "commit": info.commit, "rustc": info.rustc})


def slots(visit: Visit) -> Checking:
    """The module is there, has the slots that we asked for, and not all of them are taken."""
    yield from ()
    target = visit.target
    try:
        found = service.modules(target.endpoint, visit.options.connect_s)
    except UnexpectedAnswer as error:
        if not error.status:
            raise
        visit.slots = target.slots_expected
        return Findings(skipped=f"the server does not show its slots ({error.what})")
    module = next((module for module in found if module.path == target.endpoint.module_path), None)
    if module is None:
        paths = ", ".join(module.path for module in found) or "none"
        raise ProvisionError(
            f"no module has the path {target.endpoint.module_path}", f"the server has: {paths}", "correct the address"
        )
    visit.slots, visit.used_before = module.total_slots, module.used_slots
    _slots_as_wanted(target, module)
    return Findings((), {"slots_total": module.total_slots, "slots_used_before": module.used_slots})


def _slots_as_wanted(target: SpeechTarget, module: service.Module) -> None:
    if target.slots_expected not in (None, module.total_slots):
        raise ProvisionError(
            f"the server has {module.total_slots} slots, not {target.slots_expected}",
            "the service runs with an older config than the one deployed",
            advice.restart(target),
        )
    if not module.free_slots:
        raise ProvisionError(
            f"all {module.total_slots} slots are taken before we begin",
            "busy clients, or a model loop that died: then its slots are never given back",
            advice.restart(target),
        )


def wrong_key(visit: Visit) -> Checking:
    """A made-up key is refused, and so is the one of the example configs."""
    yield from ()
    status = {"wrong_key_status": _refused(visit, secrets.token_hex(16), "a made-up key")}
    if visit.target.key != SHIPPED_KEY:
        _refused(visit, SHIPPED_KEY, f"the key `{SHIPPED_KEY}` of the example configs")
    return Findings((), status)


def _refused(visit: Visit, key: str, what: str) -> int:
    try:
        visit.bench.run(_knock(visit, key))
    except WrongKey:
        return 401
    except NoFreeSlots:
        pass
    raise ProvisionError(
        f"the server lets {what} in",
        "anybody who reaches the port may use it: authorized_ids is not what stands before it",
        "provision deploy " + visit.target.host if visit.target.managed else "set authorized_ids to one random key",
    )


async def _knock(visit: Visit, key: str) -> None:
    async with open_stream(visit.target.endpoint.with_key(key), visit.patience):
        pass


def speaks(visit: Visit) -> Checking:
    """The one proof of life: a text comes back as sound. It also warms the model up before anything is timed."""
    yield from ()
    synthesis = visit.synthesize(visit.options.text)
    measures = (
        Measure("ready_ms", "connect to Ready", ms(synthesis.ready_s)),
        Measure("loudness_rms", "loudness (RMS)", synthesis.loudness.rms),
    )
    return Findings(measures, {"words_echoed": len(synthesis.words), "clean_end": True})


def free_again(visit: Visit) -> Checking:
    """What we took is given back."""
    yield from ()
    if visit.slots is None:
        return Findings(skipped="the server does not show its slots")
    began = time.monotonic()
    while (used := _used(visit)) > visit.used_before:
        if time.monotonic() - began > FREE_AGAIN_S:
            raise ProvisionError(
                f"{used - visit.used_before} slots are still taken {FREE_AGAIN_S:g} s after we left",
                "the model loop gives slots back; when it is dead nobody does",
                advice.restart(visit.target),
            )
        time.sleep(POLL_S)
    return Findings((), {"slots_used_after": used})


def _used(visit: Visit) -> int:
    found = service.modules(visit.target.endpoint, visit.options.connect_s)
    return next((module.used_slots for module in found if module.path == visit.target.endpoint.module_path), 0)
