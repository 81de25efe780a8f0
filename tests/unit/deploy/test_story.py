"""What a deploy learns from events: durations to expect, changes, and where the program came from."""

from __future__ import annotations

from typing import Any

import pytest

from provision.deploy.cargo import expected_s
from provision.deploy.story import COMPILE, EXPECTED_S, LAST, SPEAK, Story
from provision.model import Event, Note, Problem, Result, Step


def told(*events: Event) -> Story:
    story = Story()
    for event in events:
        story = story.after(event)
    return story


def result(status: Any = "ok", title: str = "a task", **more: Any) -> Result:
    return Result("tts-1", title, status, **more)


def test_changed_tasks_and_handlers_count_but_elements_of_a_loop_do_not() -> None:
    story = told(
        result("changed", kind="task"),
        result("changed", kind="item"),
        result("changed", kind="handler"),
        result("ok", kind="task"),
    )
    assert story.changed == 2


def test_other_events_change_nothing() -> None:
    assert told(Note("hello")) == Story()


@pytest.mark.parametrize("status", ["failed", "unreachable"])
def test_a_failure_is_remembered_whatever_follows(status: Any) -> None:
    assert told(result(status, problem=Problem("x")), result("ok")).failed is True


@pytest.mark.parametrize("more", [{"ignored": True}, {"rescued": True}])
def test_a_failure_that_does_not_count_is_none(more: dict[str, bool]) -> None:
    assert told(result("failed", problem=Problem("x"), **more)).failed is False


def test_the_machines_cores_decide_how_long_the_compile_is_expected_to_take() -> None:
    look = result(
        title="moshi_facts : Look at Python, glibc and the size of the machine", data={"stdout": '{"cpus": 8}'}
    )
    step = Step("tts-1", COMPILE, "task")
    assert told(look).expected_s(step) == expected_s(8)
    assert told().expected_s(step) == expected_s(2)


@pytest.mark.parametrize("stdout", ["", "no json", "[]", '{"cpus": null}', '{"python": "3.11"}'])
def test_a_look_that_tells_no_cores_is_no_trouble(stdout: str) -> None:
    assert told(result(title="moshi_facts : Look at it", data={"stdout": stdout})).cpus == 2


def test_weights_are_expected_to_take_long_only_with_a_gpu() -> None:
    step = Step("tts-1", SPEAK, "task")
    gpu = result(data={"ansible_facts": {"gpu_present": True}})
    assert told(gpu).expected_s(step) == 300.0
    assert told().expected_s(step) is None


def test_a_quick_step_has_no_expected_duration() -> None:
    assert told().expected_s(Step("tts-1", "moshi_server : Write its config", "task")) is None


@pytest.mark.parametrize(
    ("said", "source"), [("compile", "compiled"), ("artifact", "artifact"), ("installed", "installed"), (None, "")]
)
def test_where_the_program_came_from_is_told_in_the_reports_words(said: str | None, source: str) -> None:
    facts = {"moshi_binary_source": said} if said else {}
    assert told(result(data={"ansible_facts": facts})).source == source


def test_facts_that_are_not_ours_are_not_kept() -> None:
    story = told(result(data={"ansible_facts": {"ansible_kernel": "6.1", "moshi_artifact": "m", "gpu_count": 1}}))
    assert dict(story.facts) == {"moshi_artifact": "m", "gpu_count": 1}


def test_the_titles_with_durations_are_titles_of_our_roles() -> None:
    """A renamed task must not lose its expected duration without a word."""
    from provision import shipped

    roles = shipped.folder("playbooks") / "roles"
    for title in [*EXPECTED_S, COMPILE, SPEAK, LAST]:
        role, _, name = title.partition(" : ")
        texts = [path.read_text() for path in (roles / role / "tasks").glob("*.yml")]
        assert any(f"- name: {name}\n" in text for text in texts), title


def test_the_look_that_tells_the_cores_is_a_task_of_ours() -> None:
    from provision import shipped

    text = (shipped.folder("playbooks") / "roles/moshi_facts/tasks/main.yml").read_text()
    assert "- name: Look at " in text and '"cpus"' in text
