"""What docs/json.md shows is what is written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from provision.model import Note, Output, Progress, Result, Section, Step, Table
from provision.views.jsonlines import as_object, frame
from provision.views.tally import Counts
from provision.views.view import Outcome

PAGE = (Path(__file__).parents[3] / "docs" / "json.md").read_text(encoding="utf-8")
EXAMPLES: list[dict[str, Any]] = [json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)]


def test_there_are_examples() -> None:
    assert {example["event"] for example in EXAMPLES} == {"result", "end"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example['event']} {example.get('command', '')}")
def test_an_example_has_the_fields_that_are_written(example: dict[str, Any]) -> None:
    if example["event"] == "result":
        assert example.keys() == as_object(Result("h", "t", "ok")).keys()
    else:
        always = frame(Outcome("x", 0, 0.0)).keys()
        assert list(example)[: len(always)] == list(always)
        assert example["ok"] == (example["exit_code"] == 0)
        assert all(counts.keys() == Counts.__dataclass_fields__.keys() for counts in example.get("recap", {}).values())


@pytest.mark.parametrize("kind", [Section, Step, Output, Progress, Result, Table, Note])
def test_every_field_of_every_event_is_listed(kind: type) -> None:
    assert f"`{kind.__name__.lower()}`" in PAGE
    for name in kind.__dataclass_fields__:  # type: ignore[attr-defined]
        assert f"`{name}`" in PAGE
