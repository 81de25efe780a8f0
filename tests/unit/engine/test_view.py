"""What a task sees: connection and become from variables, keywords rendered, names a task reads."""

from __future__ import annotations

import json

import pytest

from provision.inventory import load
from provision.model import Result
from provision.ssh.target import Target

from .conftest import Lab, results, statuses


def told(lab: Lab, text: str, **options: object) -> list[object]:
    return [result.data.get("msg") for result in results(lab.tasks(text, **options)) if "msg" in result.data]


def targets(lab: Lab) -> list[Target]:
    """The targets that a run connects to, in order."""
    found: list[Target] = []
    connect = lab.connect

    def remember(target: Target) -> object:
        found.append(target)
        return connect(target)

    lab.connect = remember  # type: ignore[method-assign,assignment]
    return found


def test_connection_variables_may_be_templates(lab: Lab) -> None:
    found = targets(lab)
    lab.write("group_vars/all.yml", "net: 10.0.0\nansible_host: '{{ net }}.7'\nansible_user: '{{ who }}'\nwho: app\n")
    lab.tasks("- command: x")
    assert (found[0].name, found[0].address, found[0].user) == ("web1", "10.0.0.7", "app")


def test_extra_vars_win_over_the_inventory_in_connection_variables(lab: Lab) -> None:
    found = targets(lab)
    lab.write("group_vars/all.yml", "ansible_port: 22\n")
    lab.tasks("- command: x", extra_vars={"ansible_port": 2222})
    assert found[0].port == 2222


def test_a_delegated_host_is_reached_with_its_own_variables(lab: Lab) -> None:
    found = targets(lab)
    lab.write("host_vars/web2.yml", "ansible_host: 10.0.0.2\n")
    lab.play(
        "- hosts: web1\n  gather_facts: false\n  tasks: [{command: x, delegate_to: web2}]",
        hosts="web1,web2",
    )
    assert [(target.name, target.address) for target in found] == [("web2", "10.0.0.2")]


@pytest.mark.parametrize(
    ("variables", "keywords", "options", "users"),
    [
        ({}, "", {}, [""]),
        ({}, ", become: true", {}, ["root"]),
        ({"ansible_become": True}, "", {}, ["root"]),
        ({}, "", {"become": True}, ["root"]),
        ({"ansible_become": False}, ", become: true", {}, [""]),
        ({"ansible_become": "{{ 1 == 1 }}"}, "", {}, ["root"]),
    ],
)
def test_who_runs_a_task(
    lab: Lab, variables: dict[str, object], keywords: str, options: dict[str, object], users: list[str]
) -> None:
    lab.write("group_vars/all.yml", json.dumps(variables))
    lab.tasks(f"- {{command: x{keywords}}}", **options)
    assert lab.machine().users == users


@pytest.mark.parametrize("variable", ["ansible_become_password", "ansible_become_pass"])
def test_a_sudo_password_is_refused_and_not_repeated(lab: Lab, variable: str) -> None:
    lab.write("group_vars/all.yml", f"{variable}: s3cret\nansible_become: true\n")
    events = lab.tasks("- command: x")
    assert statuses(events) == ["failed"]
    assert "s3cret" not in repr(events)


def test_other_become_methods_than_sudo_are_refused_by_name(lab: Lab) -> None:
    lab.write("group_vars/all.yml", "ansible_become: true\nansible_become_method: doas\n")
    problem = results(lab.tasks("- command: x"))[0].problem
    assert problem is not None and "doas" in f"{problem.what} {problem.why}"


def test_variables_have_ansibles_precedence(lab: Lab) -> None:
    lab.write("group_vars/all.yml", "a: group\nb: group\nc: group\nd: group\ne: group\n")
    lab.write("host_vars/web1.yml", "b: host\nc: host\nd: host\ne: host\n")
    events = lab.play(
        """
- hosts: all
  gather_facts: false
  vars: {c: play, d: play, e: play}
  tasks:
    - set_fact: {e: fact}
    - debug: {msg: '{{ a }} {{ b }} {{ c }} {{ d }} {{ e }} {{ f }}'}
      vars: {d: task}
""",
        extra_vars={"f": "extra"},
    )
    assert results(events)[-1].data["msg"] == "group host play task fact extra"


def test_extra_vars_cannot_be_overridden(lab: Lab) -> None:
    assert told(lab, "- set_fact: {x: fact}\n- debug: {msg: '{{ x }}'}\n  vars: {x: task}", extra_vars={"x": "e"}) == [
        "e"
    ]


def test_omit_takes_an_argument_away(lab: Lab) -> None:
    lab.tasks("- file: {path: /a, mode: '{{ mode | default(omit) }}'}")
    assert lab.machine().ran[0][1] == {"path": "/a"}


def test_registered_text_has_its_lines(lab: Lab) -> None:
    lab.machine().modules = {"command": lambda args: {"rc": 0, "stdout": "a\nb", "stderr": ""}}
    assert told(lab, "- {command: x, register: r}\n- debug: {msg: '{{ r.stdout_lines }}'}") == [["a", "b"]]


def test_other_hosts_are_seen_through_hostvars(lab: Lab) -> None:
    lab.write("host_vars/web2.yml", "color: '{{ shade }} blue'\nshade: dark\n")
    events = lab.play(
        "- hosts: web1\n  gather_facts: false\n  tasks: [{debug: {msg: \"{{ hostvars['web2'].color }}\"}}]",
        hosts="web1,web2",
    )
    assert results(events)[0].data["msg"] == "dark blue"


def test_magic_variables_tell_where_we_are(lab: Lab) -> None:
    said = told(
        lab, "- debug: {msg: '{{ inventory_hostname }} {{ group_names }} {{ ansible_check_mode }}'}", check=True
    )
    assert said == ["web1 ['ungrouped'] True"]


def test_a_keyword_may_be_a_template(lab: Lab) -> None:
    found = results(lab.tasks("- command: 'false'\n  ignore_errors: '{{ careless }}'\n  vars: {careless: true}"))
    assert found[0].ignored


def test_check_mode_of_a_task_can_force_a_dry_run(lab: Lab) -> None:
    lab.tasks("- {file: {path: /a}, check_mode: true}\n- file: {path: /b}")
    assert [settings["check"] for _, _, settings in lab.machine().ran] == [True, False]


def test_diff_is_asked_for_and_may_be_switched_off(lab: Lab) -> None:
    lab.tasks("- file: {path: /a}\n- {file: {path: /b}, diff: false}", diff=True)
    assert [settings["diff"] for _, _, settings in lab.machine().ran] == [True, False]


def test_a_loop_over_something_else_than_a_list_is_told(lab: Lab) -> None:
    found = results(lab.tasks("- command: x\n  loop: '{{ 5 }}'"))
    assert found[0].problem is not None and "list" in found[0].problem.why


def test_an_empty_loop_skips(lab: Lab) -> None:
    assert statuses(lab.tasks("- command: x\n  loop: []\n- command: after")) == ["skipped", "changed"]


def test_with_items_opens_lists_in_its_list(lab: Lab) -> None:
    events = lab.tasks("- command: '{{ item }}'\n  with_items: [[a, b], c]")
    assert [r.item for r in results(events, "item")] == ["a", "b", "c"]


def test_a_condition_may_differ_for_each_item(lab: Lab) -> None:
    events = lab.tasks("- command: '{{ item }}'\n  loop: [1, 2, 3]\n  when: item != 2")
    assert [r.status for r in results(events, "item")] == ["changed", "skipped", "changed"]


def test_loop_extended_tells_position(lab: Lab) -> None:
    events = lab.tasks(
        "- command: '{{ ansible_loop.index }}/{{ ansible_loop.length }} {{ ansible_loop.last }}'\n"
        "  loop: [a, b]\n  loop_control: {extended: true}"
    )
    assert [r.data["stdout"] for r in results(events, "item")] == ["1/2 False", "2/2 True"]


def test_hosts_of_a_play_may_be_a_template_over_extra_vars(lab: Lab) -> None:
    events = lab.play(
        "- hosts: '{{ target | default(\"all\") }}'\n  gather_facts: false\n  tasks: [{command: x}]",
        hosts="web1,web2",
        extra_vars={"target": "web2"},
    )
    assert [event.host for event in events if isinstance(event, Result)] == ["web2"]


def test_limit_narrows_the_hosts(lab: Lab) -> None:
    events = lab.play("- hosts: all\n  gather_facts: false\n  tasks: [{command: x}]", hosts="a,b,c", limit="b,c")
    assert sorted(event.host for event in events if isinstance(event, Result)) == ["b", "c"]


def test_facts_live_on_into_the_next_play(lab: Lab) -> None:
    events = lab.play(
        "- hosts: all\n  tasks: [{set_fact: {x: 1}}]\n"
        "- hosts: all\n  gather_facts: false\n  tasks: [{debug: {msg: '{{ x }} {{ ansible_distribution }}'}}]"
    )
    assert results(events)[-1].data["msg"] == "1 Debian"


def test_include_vars_and_vars_files(lab: Lab) -> None:
    lab.write("more.yml", "color: blue\nshade: '{{ tone }} {{ color }}'\n")
    lab.write("vars/play.yml", "tone: dark\n")
    events = lab.play(
        "- hosts: all\n  gather_facts: false\n  vars_files: [vars/play.yml]\n"
        "  tasks: [{include_vars: more.yml}, {debug: {msg: '{{ shade }}'}}]"
    )
    assert results(events)[-1].data["msg"] == "dark blue"


def test_an_inventory_without_a_host_of_the_play_is_said(lab: Lab) -> None:
    events = lab.play("- hosts: nobody\n  tasks: [{command: x}]")
    assert results(events) == []
    assert any("nobody" in getattr(event, "text", "") for event in events)
    assert load(["web1,"]).select("nobody") == ()


@pytest.mark.parametrize(("said", "tasks"), [("'{{ wanted }}'", 2), ("'{{ not wanted }}'", 1), ("no", 1), ("yes", 2)])
def test_gathering_facts_may_depend_on_a_variable(lab: Lab, said: str, tasks: int) -> None:
    events = lab.play(f"- hosts: all\n  gather_facts: {said}\n  tasks: [{{command: x}}]", extra_vars={"wanted": True})
    assert len(results(events)) == tasks


def test_hosts_of_a_play_may_be_a_list(lab: Lab) -> None:
    events = lab.play("- hosts: [a, c]\n  gather_facts: false\n  tasks: [{command: x}]", hosts="a,b,c")
    assert sorted(event.host for event in events if isinstance(event, Result)) == ["a", "c"]
