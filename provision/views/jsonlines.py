"""The machine's view: one JSON object a line on stdout; the last one is the `end` object with the command's results."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any, TextIO

from provision.model import Event, Problem, Summary
from provision.views.view import Outcome


class JsonLines:
    """Writes events as they come. A summary is not a line of its own: it goes into the `end` object."""

    def __init__(self, stdout: TextIO, quiet: bool = False) -> None:
        self._stdout = stdout
        self._quiet = quiet

    def show(self, event: Event) -> None:
        """One event, one line; with `--quiet` none."""
        if not self._quiet and not isinstance(event, Summary):
            self._write(as_object(event))

    def end(self, outcome: Outcome) -> None:
        """The last object: the frame, then the command's own results, which cannot take the frame's names."""
        told = frame(outcome)
        self._write({**told, **{name: value for name, value in as_json(outcome.data).items() if name not in told}})

    def close(self) -> None:
        """Nothing is held."""

    def _write(self, value: Mapping[str, Any]) -> None:
        self._stdout.write(json.dumps(value, allow_nan=False) + "\n")
        self._stdout.flush()


def frame(outcome: Outcome) -> dict[str, Any]:
    """What every `end` object has, whatever the command."""
    told: dict[str, Any] = {
        "event": "end",
        "command": outcome.command,
        "ok": outcome.exit_code == 0,
        "exit_code": outcome.exit_code,
        "seconds": round(outcome.seconds, 3),
    }
    if outcome.hosts:
        told["recap"] = as_json(outcome.hosts)
    if outcome.problem:
        told["error"] = _problem(outcome.problem)
    return told


def as_object(event: Event) -> dict[str, Any]:
    """The event as an object; `event` says which kind it is."""
    told: dict[str, Any] = as_json(event)
    return {"event": type(event).__name__.lower(), **told}


def as_json(value: Any) -> Any:
    """The value in JSON's own types: no NaN, no lone surrogates, names as text."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return value.encode("utf-8", "replace").decode()
        case bytes():
            return value.decode("utf-8", "replace")
        case Problem():
            return _problem(value)
        case Mapping():
            return {as_json(str(name)): as_json(inner) for name, inner in value.items()}
        case set() | frozenset():
            return sorted((as_json(inner) for inner in value), key=str)
        case list() | tuple():
            return [as_json(inner) for inner in value]
        case PurePath():
            return str(value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
        case _:
            return as_json(str(value))


def _problem(problem: Problem) -> dict[str, str]:
    """A problem under the words that the operator reads."""
    texts = {"what": problem.what, "why": problem.why, "next": problem.hint}
    return {name: as_json(text) for name, text in texts.items()}
