"""no_log, environment, async and dry runs inside loops; one fork, hosts that go away, and interruption."""

from __future__ import annotations

from typing import Any

import pytest

from provision.engine.options import RunOptions
from provision.engine.run import run
from provision.inventory import load
from provision.model import Output, Result
from provision.playbook.reader import read_playbook

from .conftest import Lab, results, statuses


def test_no_log_in_a_loop_hides_elements_labels_and_reasons(lab: Lab) -> None:
    events = lab.tasks(
        "- command: '{{ item.run }}'\n  loop: [{run: say s3cret}, {run: 'false s3cret'}]\n  no_log: true\n"
        "  loop_control: {label: safe}\n  register: r\n  ignore_errors: true\n"
        "- command: \"rc {{ r.results | map(attribute='rc') | list }}\""
    )
    assert "s3cret" not in repr(events)
    assert [r.item for r in results(events, "item")] == ["safe", "safe"]
    assert results(events)[1].data["stdout"] == "rc [0, 1]"


def test_no_log_of_a_block_is_that_of_its_tasks_and_of_its_rescue(lab: Lab) -> None:
    events = lab.tasks(
        "- block: [{command: 'false s3cret'}]\n  rescue: [{command: s3cret too}]\n  no_log: true\n- command: open"
    )
    assert "s3cret" not in repr(events)
    assert results(events)[2].data["stdout"] == "open"


def test_no_log_travels_to_the_agent(lab: Lab) -> None:
    lab.tasks("- {command: x, no_log: true}\n- command: y")
    assert [settings["no_log"] for _, _, settings in lab.machine().ran] == [True, False]


def test_environments_of_play_block_and_task_are_merged_and_the_innermost_wins(lab: Lab) -> None:
    lab.play(
        "- hosts: all\n  gather_facts: false\n  environment: {A: play, B: play, C: play}\n  tasks:\n"
        "    - block:\n        - command: x\n          environment: {C: 'task {{ item }}', D: 1}\n"
        "          loop: [1, 2]\n"
        "      environment: [{B: block}, {C: block}]\n    - command: y\n"
    )
    assert [settings["environment"] for _, _, settings in lab.machine().ran] == [
        {"A": "play", "B": "block", "C": "task 1", "D": "1"},
        {"A": "play", "B": "block", "C": "task 2", "D": "1"},
        {"A": "play", "B": "play", "C": "play"},
    ]


def test_async_in_a_loop_starts_every_job_and_a_later_loop_collects_them(lab: Lab) -> None:
    jobs = iter(range(1, 9))
    lab.machine().modules = {
        "command": lambda args: {"ansible_job_id": f"j{next(jobs)}", "started": 1, "finished": 0},
        "async_status": lambda args: {"finished": 1, "started": 1, "stdout": f"done {args['jid']}"},
    }
    events = lab.tasks(
        "- command: 'long {{ item }}'\n  loop: [a, b]\n  async: 60\n  poll: 0\n  register: jobs\n"
        "- async_status: {jid: '{{ item.ansible_job_id }}'}\n  loop: '{{ jobs.results }}'\n  register: r\n"
        "  until: r.finished\n  retries: 3\n  delay: 0"
    )
    assert [r.data.get("stdout") for r in results(events, "item")][2:] == ["done j1", "done j2"]
    assert [settings["async_s"] for name, _, settings in lab.machine().ran if name == "command"] == [60, 60]


def test_async_jobs_in_a_loop_are_polled_one_after_the_other(lab: Lab) -> None:
    order: list[str] = []

    def started(args: Any) -> dict[str, Any]:
        order.append(str(args["_raw_params"]))
        return {"ansible_job_id": str(args["_raw_params"]), "started": 1, "finished": 0}

    def asked(args: Any) -> dict[str, Any]:
        order.append(f"{args.get('mode', 'ask')} {args['jid']}")
        return {"finished": 1, "started": 1}

    lab.machine().modules = {"command": started, "async_status": asked}
    lab.tasks("- command: '{{ item }}'\n  loop: [a, b]\n  async: 60\n  poll: 0.01")
    assert order == ["a", "ask a", "cleanup a", "b", "ask b", "cleanup b"]


def test_an_async_job_that_takes_too_long_fails(lab: Lab) -> None:
    lab.machine().modules = {
        "command": lambda args: {"ansible_job_id": "j", "started": 1, "finished": 0},
        "async_status": lambda args: {"finished": 0, "started": 1},
    }
    (result,) = results(lab.tasks("- command: long\n  async: 0.05\n  poll: 0.01\n- command: never"))
    assert result.problem is not None and "requested time" in result.problem.why


def test_retries_end_when_the_task_is_well(lab: Lab) -> None:
    tries = iter([True, True, False])
    lab.machine().modules = {"command": lambda args: {"failed": next(tries), "rc": 0, "stdout": ""}}
    events = lab.tasks("- command: x\n  retries: 5\n  delay: 0\n- command: 'after'\n  when: false")
    assert results(events)[0].data["attempts"] == 3 and statuses(events) == ["ok", "skipped"]


def test_a_dry_run_reaches_every_element_of_a_loop(lab: Lab) -> None:
    lab.tasks("- file: {path: '/{{ item }}'}\n  loop: [a, b]\n  register: r\n- file: {path: /c}\n  when: r is changed",
              check=True)  # fmt: skip
    assert [settings["check"] for _, _, settings in lab.machine().ran] == [True] * 3


def test_with_one_fork_every_host_is_served_one_after_the_other(lab: Lab) -> None:
    events = lab.play(
        "- hosts: all\n  gather_facts: false\n  tasks: [{command: one}, {command: two}]", hosts="a,b,c", forks=1
    )
    assert [r.host for r in results(events)] == ["a", "a", "b", "b", "c", "c"]


@pytest.mark.parametrize("forks", [1, 2, 20])
def test_run_once_never_waits_for_a_host_that_has_no_fork_yet(lab: Lab, forks: int) -> None:
    events = lab.play(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - {command: once, run_once: true, register: r}\n"
        "    - {command: '{{ r.stdout }} seen'}",
        hosts="a,b,c",
        forks=forks,
    )
    assert sorted(r.data["stdout"] for r in results(events)) == ["once", "once seen", "once seen", "once seen"]


@pytest.mark.parametrize("after", [0, 1, 2])
def test_wherever_a_host_is_lost_it_is_told_once_and_the_other_goes_on(lab: Lab, after: int) -> None:
    lab.machine("a").dies_after = after
    text = "- hosts: all\n  gather_facts: false\n  tasks: [{command: 1}, {command: 2, register: r}, {command: 3}]\n"
    events = lab.play(text + text, hosts="a,b")
    told = {host: [r.status for r in events if isinstance(r, Result) and r.host == host] for host in "ab"}
    assert told == {"a": ["changed"] * after + ["unreachable"], "b": ["changed"] * 6}


def test_a_reader_that_goes_away_in_the_first_task_stops_the_others(lab: Lab) -> None:
    playbook = lab.write("site.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n"
                         "    - {command: x, register: r, until: r.rc == 9, retries: 1000, delay: 30}\n"
                         "    - {command: never}\n")  # fmt: skip
    job = run(read_playbook(playbook), load(["a,b,"]), RunOptions(connect=lab.connect))
    next(iter(job))
    job.close()  # type: ignore[attr-defined]
    assert all(len(machine.ran) <= 1 for machine in lab.machines.values())


def test_live_output_of_every_element_is_told_under_its_task(lab: Lab) -> None:
    lab.machine().modules = {"command": lambda args: {"rc": 0, "stdout": "", "_lines": [str(args["_raw_params"])]}}
    events = lab.tasks("- name: build\n  command: '{{ item }}'\n  loop: [a, b]")
    assert [(e.title, e.text) for e in events if isinstance(e, Output)] == [("build", "a"), ("build", "b")]
