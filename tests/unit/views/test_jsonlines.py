"""The machine's view: every line is an object, and the last one says how it ended."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from provision.model import Diff, Event, Note, Output, Problem, Progress, Result, Section, Step, Summary, Table
from provision.views.jsonlines import JsonLines, as_json
from provision.views.tally import Counts, Tally
from provision.views.view import Outcome

from .snapshot import same_as_snapshot
from .streams import PLAY, VERIFY

HERE = Path(__file__).parent


def lines(events: Iterable[Event], quiet: bool = False, problem: Problem | None = None, code: int = 0) -> list[str]:
    stdout = io.StringIO()
    view = JsonLines(stdout, quiet)
    tally = Tally()
    for event in events:
        tally.add(event)
        view.show(event)
    view.end(Outcome("verify", code or tally.exit_code, 1.23456, problem, tally.data, tally.hosts))
    view.close()
    return stdout.getvalue().splitlines()


def objects(*given: Any, **more: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(*given, **more)]


@pytest.mark.parametrize(("name", "stream"), [("json-play", PLAY), ("json-verify", VERIFY)])
def test_a_stream_looks_as_stored(name: str, stream: tuple[Event, ...]) -> None:
    assert same_as_snapshot(HERE, name, "\n".join(lines(stream)) + "\n")


FIELDS = {
    "section": {"title": str, "hosts": list, "expected_s": (float, int, type(None))},
    "step": {"host": str, "title": str, "kind": str, "expected_s": (float, int, type(None))},
    "output": {"host": str, "title": str, "text": str, "stream": str},
    "progress": {"host": str, "title": str, "done": int, "total": int, "unit": str, "detail": str},
    "result": {
        "host": str,
        "title": str,
        "status": str,
        "seconds": (float, int),
        "data": dict,
        "diffs": list,
        "problem": (dict, type(None)),
        "kind": str,
        "item": str,
        "where": str,
        "ignored": bool,
        "rescued": bool,
        "aloud": bool,
    },
    "table": {"title": str, "columns": list, "rows": list, "verdicts": list},
    "note": {"text": str, "command": str, "level": str},
}


@pytest.mark.parametrize("stream", [PLAY, VERIFY])
def test_every_object_has_every_field_of_its_event_and_no_other(stream: tuple[Event, ...]) -> None:
    *told, end = objects(stream)
    assert end["event"] == "end"
    for one in told:
        kinds = FIELDS[one.pop("event")]
        assert one.keys() == kinds.keys()
        assert all(isinstance(one[name], kind) for name, kind in kinds.items())


def test_every_kind_of_event_has_its_fields_documented_here() -> None:
    kinds = (Section, Step, Output, Progress, Result, Table, Note)
    assert {kind.__name__.lower(): set(kind.__dataclass_fields__) for kind in kinds} == {
        name: set(fields) for name, fields in FIELDS.items()
    }


def test_the_last_object_has_the_frame_and_the_commands_own_results() -> None:
    end = objects(VERIFY)[-1]
    assert list(end)[:5] == ["event", "command", "ok", "exit_code", "seconds"]
    assert end == {
        "event": "end",
        "command": "verify",
        "ok": False,
        "exit_code": 5,
        "seconds": 1.235,
        "recap": {"tts-1": as_json(Counts(ok=1, missed=1))},
        "ttfa_p50_ms": 512.0,
        "targets_met": False,
    }


def test_a_command_cannot_overwrite_the_frame() -> None:
    end = objects([Summary({"ok": "lie", "event": "lie", "machine": "m"})])[-1]
    assert (end["ok"], end["event"], end["machine"]) == (True, "end", "m")


def test_an_error_stands_in_the_last_object() -> None:
    end = objects([], problem=Problem("no such host", "a typo", "provision list"), code=4)[-1]
    assert end["error"] == {"what": "no such host", "why": "a typo", "next": "provision list"}
    assert (end["ok"], end["exit_code"]) == (False, 4)


def test_a_dry_run_that_found_changes_is_not_ok_but_has_no_error() -> None:
    end = objects([Result("h", "t", "changed")], code=3)[-1]
    assert (end["ok"], "error" in end) == (False, False)


def test_quiet_leaves_the_last_object_alone() -> None:
    assert [one["event"] for one in objects(VERIFY, quiet=True)] == ["end"]


def test_summaries_are_no_lines_of_their_own() -> None:
    assert "summary" not in {one["event"] for one in objects(VERIFY)}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (Path("/a/b"), "/a/b"),
        (b"\xff", "\ufffd"),
        ({3: {"b", "a"}}, {"3": ["a", "b"]}),
        ((1, (2,)), [1, [2]]),
        ("lone \udcff surrogate", "lone ? surrogate"),
        (Problem("w", "y", "n"), {"what": "w", "why": "y", "next": "n"}),
        (Diff("a", "b"), {"before": "a", "after": "b", "before_header": "before", "after_header": "after"}),
        (object, "<class 'object'>"),
        (True, True),
    ],
)
def test_any_value_becomes_jsons_own(value: Any, told: Any) -> None:
    assert as_json(value) == told
    json.dumps(as_json(value), allow_nan=False)


def test_a_line_stays_a_line_whatever_it_holds() -> None:
    assert len(lines([Output("h", "t", "a\nb\u2028c\x85d\x0be")])) == 2
