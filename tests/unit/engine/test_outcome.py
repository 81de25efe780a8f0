"""What raw return values mean, and what of them may be seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provision.engine.outcome import CENSORED, judged, of_items, shown, status_of
from provision.engine.selection import starting_at, tasks_of, wanted_by_tags
from provision.playbook.values import Block, Location, Task


def task(name: str = "t", **keywords: Any) -> Task:
    return Task(Location("site.yml", 7), name, "command", {}, Path(), **keywords)


class Holds:
    """A judge that knows which expressions hold, and what they were shown."""

    def __init__(self, *true: str) -> None:
        self.true = true
        self.seen: list[dict[str, Any]] = []

    def condition(self, expression: Any, extra: Any) -> bool:
        self.seen.append(dict(extra))
        return expression in self.true


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ({}, "ok"),
        ({"changed": True}, "changed"),
        ({"failed": True, "changed": True}, "failed"),
        ({"skipped": True}, "skipped"),
        ({"unreachable": True, "failed": True}, "unreachable"),
    ],
)
def test_one_word_for_a_result(result: dict[str, Any], status: str) -> None:
    assert status_of(result) == status


def test_changed_when_needs_all_its_conditions() -> None:
    conditions = task(changed_when=("a", "b"))
    assert judged(conditions, {"changed": True}, Holds("a"))["changed"] is False
    assert judged(conditions, {}, Holds("a", "b"))["changed"] is True


def test_failed_when_overrides_what_the_module_said() -> None:
    assert judged(task(failed_when=("a",)), {"failed": True}, Holds())["failed"] is False
    assert judged(task(failed_when=("a",)), {"rc": 0}, Holds("a")) == {
        "rc": 0,
        "changed": False,
        "failed": True,
        "failed_when_result": True,
    }


def test_conditions_see_the_result_under_its_registered_name() -> None:
    judge = Holds()
    judged(task(register="r", changed_when=("a",)), {"rc": 3}, judge)
    assert judge.seen[0]["r"]["rc"] == 3


def test_a_skipped_result_is_not_judged() -> None:
    assert judged(task(failed_when=("a",)), {"skipped": True}, Holds("a"))["failed"] is False


def test_a_loop_changed_or_failed_if_one_item_did() -> None:
    assert of_items([{"changed": True}, {}])["changed"] is True
    assert of_items([{"failed": True}, {"changed": True}])["msg"] == "One or more items failed"
    assert of_items([{"skipped": True}, {"skipped": True}])["skipped"] is True
    assert "skipped" not in of_items([{"skipped": True}, {}])


def test_a_failure_tells_code_message_last_lines_and_place() -> None:
    raw = {"failed": True, "rc": 2, "msg": "non-zero return code", "stderr": "\n".join(f"line {n}" for n in range(50))}
    problem = shown("h", "build", task(), raw).problem
    assert problem is not None
    assert problem.what == "build failed on h (exit code 2)"
    assert problem.why.startswith("non-zero return code\nline 38") and problem.why.endswith("line 49")
    assert problem.hint == "see site.yml:7"


def test_the_message_is_not_said_twice() -> None:
    problem = shown(
        "h", "t", task(), {"failed": True, "msg": "E: no such package", "stderr": "E: no such package"}
    ).problem
    assert problem is not None and problem.why == "E: no such package"


def test_nothing_hidden_gets_out() -> None:
    raw = {"failed": True, "msg": "s3cret", "stdout": "s3cret", "diff": {"before": "", "after": "s3cret"}}
    result = shown("h", "t", task(), raw, hidden=True)
    assert "s3cret" not in repr(result)
    assert result.data["censored"] == CENSORED


def test_private_values_and_diffs_are_no_data() -> None:
    result = shown("h", "t", task(), {"x": 1, "_y": 2, "diff": [{"before": "a\n", "after": "b\n"}]})
    assert result.data == {"x": 1}
    assert (result.diffs[0].before, result.diffs[0].after) == ("a\n", "b\n")


def test_a_diff_of_values_is_told_line_by_line() -> None:
    diffs = shown("h", "t", task(), {"diff": {"before": {"mode": "0600"}, "after": {"mode": "0644"}}}).diffs
    assert "0600" in diffs[0].before and "0644" in diffs[0].after


TAGS = [
    # tags of the task, --tags, --skip-tags, runs
    ("", "", "", True),
    ("a", "", "", True),
    ("a", "a", "", True),
    ("a", "b", "", False),
    ("", "b", "", False),
    ("a b", "b", "", True),
    ("always", "b", "", True),
    ("always", "", "always", False),
    ("never", "", "", False),
    ("never a", "a", "", True),
    ("never", "all", "", False),
    ("never", "never", "", True),
    ("a", "all", "", True),
    ("a", "tagged", "", True),
    ("", "tagged", "", False),
    ("", "untagged", "", True),
    ("a", "untagged", "", False),
    ("a", "", "a", False),
    ("a b", "a", "b", False),
    ("a", "", "tagged", False),
    ("", "", "tagged", True),
    ("", "", "untagged", False),
    ("a", "", "all", False),
    ("always", "", "all", True),
]


@pytest.mark.parametrize(("own", "only", "skip", "runs"), TAGS)
def test_tags_choose_as_in_ansible(own: str, only: str, skip: str, runs: bool) -> None:
    words = [frozenset(text.split()) for text in (own, only, skip)]
    assert wanted_by_tags(*words) is runs


def test_starting_in_a_block_keeps_its_rescue_and_what_follows() -> None:
    one, two, three, after = task("one"), task("two"), task("three"), task("after")
    block = Block(one.where, "", (one, two), (three,))
    found = starting_at((block, after), "two")
    assert found is not None
    assert isinstance(found[0], Block) and found[0].block == (two,) and found[0].rescue == (three,)
    assert found[1] == after
    assert starting_at((block, after), "aft*") == (after,)
    assert starting_at((block, after), "nowhere") is None


def test_every_task_of_blocks_is_found() -> None:
    one, two, three = task("one"), task("two"), task("three")
    assert list(tasks_of((Block(one.where, "", (one,), (two,), (three,)),))) == [one, two, three]
