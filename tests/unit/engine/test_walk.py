"""Order, failure, rescue, handlers and tags: what a play does on a host."""

from __future__ import annotations

import pytest

from provision.errors import ProvisionError
from provision.model import Note, Result, Section

from .conftest import Lab, Wire, results, statuses


def test_tasks_run_in_order_and_tell_what_changed(lab: Lab) -> None:
    events = lab.tasks("- file: {path: /a, state: directory}\n- command: echo hi")
    assert statuses(events) == ["changed", "changed"]
    assert lab.machine().names() == ["file", "command"]


def test_a_failure_ends_the_host_and_later_tasks_do_not_run(lab: Lab) -> None:
    events = lab.tasks("- command: 'false'\n- file: {path: /a}")
    assert statuses(events) == ["failed"]
    assert lab.machine().names() == ["command"]


def test_a_failure_is_told_with_its_exit_code_and_place(lab: Lab) -> None:
    problem = results(lab.tasks("- name: break\n  command: 'false'"))[0].problem
    assert problem is not None
    assert problem.what == "break failed on web1 (exit code 1)"
    assert "site.yml" in problem.hint


def test_ignored_errors_go_on(lab: Lab) -> None:
    events = lab.tasks("- command: 'false'\n  ignore_errors: true\n- command: after")
    assert [(r.status, r.ignored) for r in results(events)] == [("failed", True), ("changed", False)]


def test_a_condition_that_does_not_hold_skips(lab: Lab) -> None:
    events = lab.tasks("- command: x\n  when: 1 == 2\n- command: y\n  when: [true, 1 == 1]")
    assert statuses(events) == ["skipped", "changed"]


def test_register_is_seen_by_later_tasks(lab: Lab) -> None:
    events = lab.tasks("- command: hello\n  register: said\n- debug: {msg: '{{ said.stdout }} {{ said.rc }}'}")
    assert results(events)[1].data["msg"] == "hello 0"


def test_a_skipped_task_registers_that_it_was_skipped(lab: Lab) -> None:
    events = lab.tasks("- command: x\n  when: false\n  register: r\n- debug: {msg: yes}\n  when: r is skipped")
    assert statuses(events) == ["skipped", "ok"]


def test_rescue_catches_and_says_what_failed(lab: Lab) -> None:
    events = lab.tasks(
        """
- block:
    - name: the bad one
      command: 'false'
    - command: never
  rescue:
    - debug: {msg: '{{ ansible_failed_task.name }}, rc {{ ansible_failed_result.rc }}'}
  always:
    - command: cleanup
- command: goes on
"""
    )
    found = results(events)
    assert [r.status for r in found] == ["failed", "ok", "changed", "changed"]
    assert found[0].rescued
    assert found[1].data["msg"] == "the bad one, rc 1"


def test_always_runs_when_nothing_rescues_and_the_host_still_fails(lab: Lab) -> None:
    events = lab.tasks("- block: [{command: 'false'}]\n  always: [{command: cleanup}]\n- command: never")
    assert [r.status for r in results(events)] == ["failed", "changed"]
    assert not results(events)[0].rescued


def test_a_failure_in_rescue_fails_the_host(lab: Lab) -> None:
    events = lab.tasks("- block: [{command: 'false'}]\n  rescue: [{command: 'false again'}]\n- command: never")
    assert [(r.status, r.rescued) for r in results(events)] == [("failed", True), ("failed", False)]


def test_an_outer_rescue_catches_what_the_inner_block_lets_through(lab: Lab) -> None:
    events = lab.tasks(
        """
- block:
    - block: [{command: 'false'}]
      always: [{command: inner}]
  rescue:
    - command: outer
"""
    )
    assert [r.status for r in results(events)] == ["failed", "changed", "changed"]
    assert results(events)[0].rescued


def test_handlers_run_once_at_the_end_in_the_order_written(lab: Lab) -> None:
    events = lab.play(
        """
- hosts: all
  gather_facts: false
  tasks:
    - {file: {path: /a}, notify: second}
    - {file: {path: /b}, notify: [second, first]}
    - {command: last}
  handlers:
    - {name: first, command: one}
    - {name: second, command: two}
    - {name: never, command: three}
"""
    )
    assert [r.data["stdout"] for r in results(events, "handler")] == ["one", "two"]


def test_a_handler_hears_a_topic(lab: Lab) -> None:
    events = lab.play(
        """
- hosts: all
  gather_facts: false
  tasks: [{file: {path: /a}, notify: web changed}]
  handlers: [{name: any, listen: web changed, command: heard}]
"""
    )
    assert len(results(events, "handler")) == 1


def test_handlers_do_not_run_after_a_failure_unless_forced(lab: Lab) -> None:
    text = """
- hosts: all
  gather_facts: false
  force_handlers: FORCE
  tasks: [{file: {path: /a}, notify: h}, {command: 'false'}]
  handlers: [{name: h, command: ran}]
"""
    assert results(lab.play(text.replace("FORCE", "false")), "handler") == []
    assert len(results(lab.play(text.replace("FORCE", "true")), "handler")) == 1


def test_a_loop_runs_for_each_item_and_registers_all(lab: Lab) -> None:
    events = lab.tasks(
        "- command: 'say {{ item }}'\n  loop: [a, b]\n  register: r\n"
        "- debug: {msg: \"{{ r.results | map(attribute='stdout') | list }}\"}"
    )
    assert [r.item for r in results(events, "item")] == ["a", "b"]
    assert results(events)[1].data["msg"] == ["say a", "say b"]


def test_a_failing_item_does_not_stop_the_others_but_fails_the_task(lab: Lab) -> None:
    events = lab.tasks("- command: '{{ item }}'\n  loop: ['false', fine]\n- command: never")
    assert [r.status for r in results(events, "item")] == ["failed", "changed"]
    assert statuses(events) == ["failed"]


def test_loop_control_names_variable_index_and_label(lab: Lab) -> None:
    events = lab.tasks(
        "- command: '{{ n }}:{{ who.name }}'\n  loop: [{name: x}, {name: y}]\n"
        "  loop_control: {loop_var: who, index_var: n, label: '{{ who.name }}'}"
    )
    items = results(events, "item")
    assert [(r.item, r.data["stdout"]) for r in items] == [("x", "0:x"), ("y", "1:y")]


def test_changed_when_and_failed_when_see_the_result(lab: Lab) -> None:
    events = lab.tasks(
        "- command: fine\n  register: r\n  changed_when: \"'nothing' in r.stdout\"\n"
        "- command: 'false'\n  register: r\n  failed_when: r.rc > 1\n"
        "- command: bad word\n  register: r\n  failed_when: [r.rc == 0, \"'bad' in r.stdout\"]"
    )
    assert statuses(events) == ["ok", "changed", "failed"]


def test_until_repeats_and_counts(lab: Lab) -> None:
    tries = iter(range(10))
    lab.machine().modules = {"command": lambda args: {"stdout": str(next(tries)), "rc": 0}}
    events = lab.tasks("- command: x\n  register: r\n  until: r.stdout == '2'\n  retries: 5\n  delay: 0")
    assert results(events)[0].data["attempts"] == 3


def test_until_that_never_holds_fails(lab: Lab) -> None:
    events = lab.tasks("- command: x\n  register: r\n  until: r.stdout == 'y'\n  retries: 2\n  delay: 0")
    assert statuses(events) == ["failed"]
    assert lab.machine().names() == ["command"] * 3


def test_tags_choose_and_skip(lab: Lab) -> None:
    text = (
        "- {command: a, tags: a}\n- {command: b, tags: [b, c]}\n- {command: n, tags: [never, n]}\n"
        "- {command: always, tags: always}\n- command: untagged"
    )

    def said(**options: object) -> list[str]:
        return [r.data["stdout"] for r in results(lab.tasks(text, **options))]

    assert said() == ["a", "b", "always", "untagged"]
    assert said(tags=frozenset({"b"})) == ["b", "always"]
    assert said(tags=frozenset({"n"})) == ["n", "always"]
    assert said(skip_tags=frozenset({"c", "always"})) == ["a", "untagged"]
    assert said(tags=frozenset({"untagged"})) == ["always", "untagged"]


def test_start_at_task_begins_there(lab: Lab) -> None:
    text = "- {name: one, command: a}\n- {name: two, command: b}\n- {name: three, command: c}"
    assert [r.title for r in results(lab.tasks(text, start_at_task="two"))] == ["two", "three"]
    with pytest.raises(ProvisionError, match="four"):
        lab.tasks(text, start_at_task="four")


def test_facts_are_gathered_first_and_seen(lab: Lab) -> None:
    events = lab.play(
        "- hosts: all\n  tasks: [{debug: {msg: '{{ ansible_distribution }} {{ ansible_facts.os_family }}'}}]"
    )
    assert results(events)[0].title == "Gathering Facts"
    assert results(events)[1].data["msg"] == "Debian Debian"


def test_set_fact_and_assert(lab: Lab) -> None:
    events = lab.tasks(
        "- set_fact: {port: 8080}\n- assert: {that: [port == 8080]}\n"
        "- assert: {that: 'port == 1', fail_msg: wrong port}"
    )
    assert statuses(events) == ["ok", "ok", "failed"]
    assert results(events)[2].problem is not None
    assert "wrong port" in results(events)[2].problem.why  # type: ignore[union-attr]


def test_an_undefined_variable_fails_its_task_with_its_name(lab: Lab) -> None:
    found = results(lab.tasks("- command: '{{ nowhere }}'\n- command: never"))
    assert [r.status for r in found] == ["failed"]
    assert found[0].problem is not None and "nowhere" in found[0].problem.why


def test_no_log_hides_output_diff_and_reason(lab: Lab) -> None:
    events = lab.tasks("- command: false s3cret\n  no_log: true")
    assert "s3cret" not in repr(events)
    assert "censored" in results(events)[0].data


def test_become_starts_an_agent_through_sudo(lab: Lab) -> None:
    lab.tasks("- command: a\n- command: b\n  become: true\n- command: c\n  become: true\n  become_user: app")
    assert lab.machine().users[0] == ""
    assert len(lab.machine().users) == 3


def test_a_host_that_does_not_answer_is_unreachable_and_others_go_on(lab: Lab) -> None:
    lab.dead.add("web2")
    events = lab.play("- hosts: all\n  gather_facts: false\n  tasks: [{command: x}]", hosts="web1,web2,web3")
    found = {r.host: r.status for r in events if isinstance(r, Result) and r.kind == "task"}
    assert found == {"web1": "changed", "web2": "unreachable", "web3": "changed"}


def test_a_connection_lost_in_the_middle_is_unreachable_not_silence(lab: Lab) -> None:
    lab.machine().dies_after = 1
    found = results(lab.tasks("- command: a\n  register: r\n- command: '{{ r.stdout }}'\n- command: c"))
    assert [r.status for r in found] == ["changed", "unreachable"]


def test_a_wire_that_cannot_even_be_closed_is_still_a_failed_host(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Wire) -> None:
        raise EOFError

    monkeypatch.setattr(Wire, "close", broken)
    lab.machine().dies_after = 0
    assert statuses(lab.tasks("- command: a")) == ["unreachable"]


def test_a_bug_in_a_worker_is_a_failed_host_with_its_traceback(lab: Lab) -> None:
    lab.machine().modules = {}
    found = results(lab.tasks("- command: a"))
    assert [r.status for r in found] == ["failed"]
    assert found[0].problem is not None and "KeyError" in found[0].problem.why


def test_a_host_that_failed_takes_no_part_in_the_next_play(lab: Lab) -> None:
    text = "- hosts: all\n  gather_facts: false\n  tasks: [{command: 'false'}]\n- hosts: all\n  tasks: [{command: x}]"
    events = lab.play(text)
    assert statuses(events) == ["failed"]
    assert len([event for event in events if isinstance(event, Section)]) == 1


def test_include_tasks_reads_when_it_gets_there(lab: Lab) -> None:
    lab.write("more.yml", "- command: 'included {{ item }}'\n")
    events = lab.tasks("- include_tasks: more.yml\n  loop: [1, 2]\n- command: after")
    assert [r.data["stdout"] for r in results(events)] == ["included 1", "included 2", "after"]


def test_an_include_in_a_loop_knows_its_index_and_renders_which_files_of_a_role(lab: Lab) -> None:
    lab.write("more.yml", "- command: '{{ number }} {{ item }}'\n")
    lab.write("roles/web/tasks/part.yml", "- command: 'port {{ port }}'\n")
    lab.write("roles/web/defaults/small.yml", "port: 1\n")
    events = lab.tasks(
        "- include_tasks: more.yml\n  loop: [a, b]\n  loop_control: {index_var: number}\n"
        "- include_role: {name: web, tasks_from: '{{ p }}', defaults_from: '{{ size }}.yml'}\n"
        "  vars: {p: part, size: small}"
    )
    assert [r.data["stdout"] for r in results(events)] == ["0 a", "1 b", "port 1"]


def test_variables_of_an_included_role_are_seen_by_the_play_when_it_is_public(lab: Lab) -> None:
    lab.write("roles/web/tasks/main.yml", "- command: inside\n")
    lab.write("roles/web/vars/main.yml", "v: 1\n")
    tasks = "- include_role: {{name: web, public: {}}}\n- command: \"v is {{{{ v | default('hidden') }}}}\""
    assert [r.data["stdout"] for r in results(lab.tasks(tasks.format("yes")))] == ["inside", "v is 1"]
    assert [r.data["stdout"] for r in results(lab.tasks(tasks.format("no")))] == ["inside", "v is hidden"]


def test_roles_bring_tasks_handlers_defaults_and_templates(lab: Lab) -> None:
    lab.write("roles/web/tasks/main.yml", "- template: {src: site.conf, dest: /etc/site}\n  notify: reload\n")
    lab.write("roles/web/handlers/main.yml", "- name: reload\n  command: reload {{ port }}\n")
    lab.write("roles/web/defaults/main.yml", "port: 80\n")
    lab.write("roles/web/templates/site.conf", "listen {{ port }}\n")
    events = lab.play("- hosts: all\n  gather_facts: false\n  roles: [{role: web, vars: {port: 81}}]")
    assert b"listen 81\n" in lab.machine().contents.values()
    assert [r.title for r in results(events)] == ["web : template"]
    assert results(events, "handler")[0].data["stdout"] == "reload 81"


def test_check_mode_travels_and_a_task_may_override_it(lab: Lab) -> None:
    lab.tasks("- file: {path: /a}\n- command: x\n  check_mode: false", check=True)
    assert [settings["check"] for _, _, settings in lab.machine().ran] == [True, False]


def test_environment_is_merged_and_rendered(lab: Lab) -> None:
    lab.tasks("- command: x\n  environment: {A: '{{ 1 + 1 }}', B: x}")
    assert lab.machine().ran[0][2]["environment"] == {"A": "2", "B": "x"}


def test_a_module_that_we_lack_fails_only_where_it_would_run(lab: Lab) -> None:
    events = lab.tasks("- zypper: {name: x}\n  when: false\n- zypper: {name: x}")
    assert statuses(events) == ["skipped", "failed"]


def test_modules_that_we_lack_are_named_in_one_warning_before_anything_runs(lab: Lab) -> None:
    events = lab.tasks(
        "- command: x\n- block:\n    - zypper: {name: x}\n      when: false\n- dnf: {name: y}\n  when: false"
    )
    assert isinstance(events[0], Note)
    assert "zypper" in events[0].text and "dnf" in events[0].text and "site.yml:6" in events[0].text
    assert len([event for event in events if isinstance(event, Note)]) == 1


def test_delegation_to_localhost_runs_there(lab: Lab) -> None:
    lab.tasks("- command: x\n  delegate_to: localhost")
    assert lab.machine("localhost").names() == ["command"]
    assert "web1" not in lab.machines or lab.machine().names() == []
