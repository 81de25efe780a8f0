"""Round trips: what does not depend on an answer does not wait for one."""

from __future__ import annotations

from provision.model import Output

from .conftest import Lab, results, statuses


def test_independent_tasks_cost_one_round_trip(lab: Lab) -> None:
    lab.tasks("\n".join(f"- file: {{path: /d{n}, state: directory}}" for n in range(50)))
    assert len(lab.machine().ran) == 50
    assert lab.machine().round_trips == 1


def test_a_task_that_reads_a_registered_result_waits_for_it(lab: Lab) -> None:
    lab.tasks("- command: a\n  register: r\n- file: {path: /x}\n- command: '{{ r.stdout }}'\n- file: {path: /y}")
    assert lab.machine().round_trips == 2


def test_a_dependency_through_another_variable_is_seen(lab: Lab) -> None:
    events = lab.play(
        "- hosts: all\n  gather_facts: false\n  vars: {shout: '{{ r.stdout | upper }}'}\n"
        "  tasks: [{command: hey, register: r}, {command: '{{ shout }}'}]"
    )
    assert results(events)[1].data["stdout"] == "HEY"


def test_a_condition_on_a_result_waits_for_it(lab: Lab) -> None:
    events = lab.tasks("- command: a\n  register: r\n- command: b\n  when: r.stdout == 'a'")
    assert statuses(events) == ["changed", "changed"]


def test_skipped_tasks_do_not_cost_a_round_trip(lab: Lab) -> None:
    lab.tasks("- file: {path: /a}\n- command: x\n  when: false\n- file: {path: /b}")
    assert lab.machine().round_trips == 1


def test_what_was_sent_after_a_failure_is_dropped_and_not_reported(lab: Lab) -> None:
    events = lab.tasks("- file: {path: /a}\n- command: 'false'\n- file: {path: /b}\n- file: {path: /c}")
    assert statuses(events) == ["changed", "failed"]
    assert lab.machine().names() == ["file", "command"]


def test_after_a_rescue_tasks_run_again(lab: Lab) -> None:
    events = lab.tasks("- block: [{command: 'false'}, {command: dropped}]\n  rescue: [{command: r}]\n- command: after")
    assert [r.data["stdout"] for r in results(events)] == ["false", "r", "after"]


def test_loop_items_travel_together(lab: Lab) -> None:
    lab.tasks("- file: {path: '/d{{ item }}'}\n  loop: [1, 2, 3, 4]")
    assert lab.machine().round_trips == 1


def test_results_come_in_the_order_of_the_tasks(lab: Lab) -> None:
    events = lab.tasks("\n".join(f"- command: say {n}\n  when: {n} != 3" for n in range(6)))
    assert [r.data.get("stdout") for r in results(events)] == ["say 0", "say 1", "say 2", None, "say 4", "say 5"]


def test_live_output_is_passed_on_and_kept_back_under_no_log(lab: Lab) -> None:
    lab.machine().modules = {"command": lambda args: {"rc": 0, "stdout": "", "_lines": ["Compiling a", "Compiling b"]}}
    lines = [event.text for event in lab.tasks("- command: cargo") if isinstance(event, Output)]
    assert lines == ["Compiling a", "Compiling b"]
    assert not [e for e in lab.tasks("- command: cargo\n  no_log: true") if isinstance(e, Output)]


def test_small_files_travel_with_their_task(lab: Lab) -> None:
    lab.write("files/motd", "welcome\n")
    lab.tasks("- copy: {src: motd, dest: /etc/motd}\n- copy: {content: '{{ 6 * 7 }}', dest: /n}")
    assert sorted(lab.machine().contents.values()) == [b"42", b"welcome\n"]
    assert lab.machine().round_trips == 1


def test_a_missing_local_file_says_where_it_was_looked_for(lab: Lab) -> None:
    found = results(lab.tasks("- copy: {src: nothing, dest: /x}"))
    assert found[0].problem is not None
    assert str(lab.folder / "files" / "nothing") in found[0].problem.why


def test_async_with_poll_waits_for_the_job(lab: Lab) -> None:
    polls = iter([{"finished": 0, "started": 1}, {"finished": 1, "changed": True, "rc": 0, "stdout": "done"}])
    lab.machine().modules = {
        "command": lambda args: {"ansible_job_id": "j1", "started": 1, "finished": 0},
        "async_status": lambda args: {} if args.get("mode") == "cleanup" else next(polls),
    }
    events = lab.tasks("- command: long\n  async: 60\n  poll: 0.01\n  register: r\n- debug: {msg: '{{ r.stdout }}'}")
    assert results(events)[1].data["msg"] == "done"


def test_async_without_poll_goes_on_at_once(lab: Lab) -> None:
    lab.machine().modules = {"command": lambda args: {"ansible_job_id": "j1", "started": 1, "finished": 0}}
    events = lab.tasks(
        "- command: long\n  async: 60\n  poll: 0\n  register: job\n- debug: {msg: '{{ job.ansible_job_id }}'}"
    )
    assert results(events)[1].data["msg"] == "j1"
