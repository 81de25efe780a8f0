"""What cannot be included is told as a failure of its own: no host drops out without a word."""

from __future__ import annotations

import pytest

from provision.model import Event, Result
from provision.views.tally import Tally

from .conftest import Lab, results, statuses


def exit_code(events: list[Event]) -> int:
    tally = Tally()
    for event in events:
        tally.add(event)
    return tally.exit_code


def why(result: Result) -> str:
    assert result.problem is not None
    return result.problem.why


@pytest.mark.parametrize(
    ("task", "word"),
    [
        ("include_tasks: nowhere.yml", "nowhere.yml"),
        ("include_tasks: {file: '{{ nobody_knows }}.yml'}", "nobody_knows"),
        ("include_tasks: broken.yml", "did you mean `command`?"),
        ("include_tasks: fine.yml\n  when: nobody_knows", "nobody_knows"),
        ("include_tasks: fine.yml\n  loop: '{{ nobody_knows }}'", "nobody_knows"),
        ("include_tasks: fine.yml\n  loop: '{{ 5 }}'", "a list"),
        ("include_role: {name: nowhere}", "nowhere"),
        ("include_role: {name: '{{ nobody_knows }}'}", "nobody_knows"),
        ("include_vars: nowhere.yml", "nowhere.yml"),
    ],
)
def test_an_include_that_cannot_be_read_is_one_failed_result_with_its_reason(lab: Lab, task: str, word: str) -> None:
    lab.write("broken.yml", "- comand: x\n")
    lab.write("fine.yml", "- command: fine\n")
    events = lab.tasks(f"- {task}\n- command: never")
    (result,) = results(events)
    assert result.status == "failed" and not result.rescued
    assert word in why(result)
    assert result.where.endswith("site.yml:4")
    assert exit_code(events) == 1


def test_a_block_around_it_rescues_it_and_says_so(lab: Lab) -> None:
    events = lab.tasks("- block: [{include_tasks: nowhere.yml}]\n  rescue: [{command: saved}]")
    assert [(r.status, r.rescued) for r in results(events)] == [("failed", True), ("changed", False)]
    assert exit_code(events) == 0


def test_ignore_errors_does_not_help_a_file_of_tasks_that_is_not_there(lab: Lab) -> None:
    events = lab.tasks("- include_tasks: nowhere.yml\n  ignore_errors: true\n- command: never")
    assert [(r.status, r.ignored) for r in results(events)] == [("failed", False)]


def test_ignore_errors_helps_variables_that_are_not_there(lab: Lab) -> None:
    events = lab.tasks("- include_vars: nowhere.yml\n  ignore_errors: true\n- command: after")
    assert [(r.status, r.ignored) for r in results(events)] == [("failed", True), ("changed", False)]


def test_the_second_of_three_files_is_missing_and_the_third_is_not_read(lab: Lab) -> None:
    for name in ("a", "c"):
        lab.write(f"{name}.yml", f"- command: in {name}\n")
    events = lab.tasks("- include_tasks: '{{ item }}.yml'\n  loop: [a, b, c]")
    assert statuses(events) == ["changed", "failed"]
    assert lab.machine().names() == ["command"]


def test_tasks_sent_before_the_include_are_told_first(lab: Lab) -> None:
    events = lab.tasks("- command: one\n- command: two\n- include_tasks: nowhere.yml")
    assert statuses(events) == ["changed", "changed", "failed"]


def test_a_host_that_is_lost_inside_an_included_file_is_unreachable(lab: Lab) -> None:
    lab.write("more.yml", "- command: a\n- command: b\n  register: r\n- command: '{{ r.stdout }}'\n")
    lab.machine().dies_after = 2
    events = lab.tasks("- include_tasks: more.yml\n- command: never")
    assert statuses(events) == ["changed", "changed", "unreachable"]
    assert exit_code(events) == 4


def test_a_host_that_is_lost_inside_an_included_role_is_not_rescued(lab: Lab) -> None:
    lab.write("roles/web/tasks/main.yml", "- command: a\n")
    lab.dead.add("web1")
    events = lab.tasks("- block: [{include_role: {name: web}}]\n  rescue: [{command: never}]")
    assert [r.status for r in results(events)] == ["unreachable"]


def test_one_host_that_cannot_include_does_not_stop_the_other(lab: Lab) -> None:
    lab.write("web2.yml", "- command: here\n")
    events = lab.play(
        "- hosts: all\n  gather_facts: false\n"
        "  tasks: [{include_tasks: '{{ inventory_hostname }}.yml'}, {command: after}]",
        hosts="web1,web2",
    )
    told = {host: [r.status for r in results(events) if r.host == host] for host in ("web1", "web2")}
    assert told == {"web1": ["failed"], "web2": ["changed", "changed"]}
    assert exit_code(events) == 1


def test_a_handler_that_includes_a_missing_file_fails_its_host(lab: Lab) -> None:
    events = lab.play(
        "- hosts: all\n  gather_facts: false\n  tasks: [{command: x, notify: h}]\n"
        "  handlers: [{name: h, include_tasks: nowhere.yml}]"
    )
    assert [r.status for r in results(events) + results(events, "handler")] == ["changed", "failed"]


def test_handlers_that_a_role_brought_are_shown_as_handlers(lab: Lab) -> None:
    lab.write("roles/web/tasks/main.yml", "- {command: x, notify: h}\n")
    lab.write("roles/web/handlers/main.yml", "- {name: h, command: handled}\n")
    events = lab.tasks("- include_role: {name: web}")
    assert [r.data["stdout"] for r in results(events, "handler")] == ["handled"]


def test_a_notified_name_that_nobody_has_fails_after_the_other_handlers(lab: Lab) -> None:
    events = lab.play(
        "- hosts: all\n  gather_facts: false\n  tasks: [{command: x, notify: [ghost, h]}]\n"
        "  handlers: [{name: h, command: handled}]"
    )
    assert [r.data["stdout"] for r in results(events, "handler")] == ["handled"]
    assert results(events)[-1].status == "failed" and "ghost" in results(events)[-1].title
