"""A cloud client against the scripted Google, without pauses; and a cloud that is a table of answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from provision.gce.client import Cloud, Patience, anonymous
from tests.unit.gce.scripted_google import ScriptedGoogle, scripted_google


@pytest.fixture(scope="session")
def _google() -> Iterator[ScriptedGoogle]:
    with scripted_google() as google:
        yield google


@pytest.fixture
def google(_google: ScriptedGoogle) -> ScriptedGoogle:
    _google.answers[:] = []
    _google.asked[:] = []
    _google.delay_s = 0.0
    return _google


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that were made."""
    return []


@pytest.fixture
def cloud(google: ScriptedGoogle, pauses: list[float]) -> Iterator[Cloud]:
    patience = Patience(tries=4, call_s=5, wait_call_s=5, operation_s=5, sleep=pauses.append)
    with closing(anonymous("p1", google.endpoint, patience)) as cloud:
        yield cloud


@dataclass
class TableCloud:
    """Stands in for Cloud where only what comes back matters: `(service, method, key)` -> answer."""

    answers: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    project: str = "p1"
    asked: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)

    def rows(self, doing: str, service: str, method: str, **request: Any) -> list[Any]:
        self.asked.append((service, method, request))
        return list(self.answers.get((service, method, request.get("zone", "")), []))

    def find(self, doing: str, service: str, method: str, **request: Any) -> Any:
        self.asked.append((service, method, request))
        key = "/".join(str(value) for value in request.values())
        return self.answers.get((service, method, key))
