"""What a deploy learns from the events that pass by: how long steps will take, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from provision.deploy import cargo
from provision.model import Event, Result, Step

# Rough durations in seconds of steps that take long, on a machine with two cores and a quick mirror.
EXPECTED_S = {
    "base : Install packages": 25.0,
    "rust : Install the distribution's cargo": 20.0,
    "rust : Run rustup-init": 30.0,
    "moshi_python : Install it": 15.0,
    "nvidia_driver : Install the driver": 240.0,
    "cuda_toolkit : Install the toolkit": 300.0,
}
WEIGHTS_S = 300.0
COMPILE = "moshi_install : Wait for the compile"
SPEAK = "moshi_speaks : Wait for a real synthesis"
LAST = "moshi_speaks : Listen to it"


@dataclass(frozen=True)
class Story:
    """The facts so far. A new event makes a new story."""

    changed: int = 0
    failed: bool = False
    complete: bool = False
    cpus: int = 2
    facts: Mapping[str, Any] = field(default_factory=dict)

    def after(self, event: Event) -> Story:
        """The story with this event in it."""
        if not isinstance(event, Result) or event.kind == "item":
            return self
        learned = event.data.get("ansible_facts")
        return replace(
            self,
            changed=self.changed + (event.status == "changed"),
            failed=self.failed or _counts_as_failed(event),
            complete=self.complete or event.title == LAST,
            cpus=_cpus(event) or self.cpus,
            facts={**self.facts, **_ours(learned)} if isinstance(learned, Mapping) else self.facts,
        )

    def expected_s(self, step: Step) -> float | None:
        """How long this step will roughly take, when it is worth telling."""
        if step.title == COMPILE:
            return cargo.expected_s(self.cpus)
        if step.title == SPEAK:
            return WEIGHTS_S if self.facts.get("gpu_present") is True else None
        return EXPECTED_S.get(step.title)

    @property
    def source(self) -> str:
        """Where the program came from: `compiled`, `artifact`, or `installed` when it was there already."""
        told = str(self.facts.get("moshi_binary_source", "")).strip()
        return {"compile": "compiled"}.get(told, told)


def _counts_as_failed(result: Result) -> bool:
    return result.status in ("failed", "unreachable") and not (result.ignored or result.rescued)


def _ours(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name.startswith(("moshi_", "gpu_"))}


def _cpus(result: Result) -> int:
    """The number of cores, as moshi_facts looked it up."""
    if not result.title.startswith("moshi_facts : Look at"):
        return 0
    try:
        return int(json.loads(str(result.data.get("stdout", "")))["cpus"])
    except (ValueError, KeyError, TypeError):
        return 0
