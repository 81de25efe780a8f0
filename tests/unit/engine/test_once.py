"""run_once: one host works, all know the result, and a leader that goes away is replaced."""

from __future__ import annotations

import threading

from provision.engine.once import Once
from provision.playbook.values import Location

from .conftest import Lab, results

HERE = (Location("site.yml", 3), 1)


def test_the_first_host_runs_it_and_the_others_register_its_result(lab: Lab) -> None:
    events = lab.play(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - {command: 'made by {{ inventory_hostname }}', run_once: true, register: r}\n"
        "    - debug: {msg: '{{ r.stdout }}'}",
        hosts="a,b,c",
    )
    assert [len(lab.machine(name).ran) for name in "abc"] == [1, 0, 0]
    assert {r.data["msg"] for r in results(events) if "msg" in r.data} == {"made by a"}


def test_a_failure_of_the_one_fails_all(lab: Lab) -> None:
    events = lab.play(
        "- hosts: all\n  gather_facts: false\n  tasks: [{command: 'false', run_once: true}, {command: never}]",
        hosts="a,b",
    )
    assert [r.status for r in results(events)] == ["failed"]
    assert lab.machine("b").names() == []


def test_the_next_host_leads_when_the_first_is_dead(lab: Lab) -> None:
    lab.dead.add("a")
    lab.play("- hosts: all\n  gather_facts: false\n  tasks: [{command: x, run_once: true}]", hosts="a,b,c")
    assert lab.machine("b").names() == ["command"]
    assert lab.machine("c").names() == []


def test_waiting_ends_when_the_result_comes() -> None:
    once = Once(["a", "b"])
    got: list[object] = []
    waiter = threading.Thread(target=lambda: got.append(once.result_of(HERE, "b")))
    waiter.start()
    assert once.result_of(HERE, "a") is None
    once.deliver(HERE, {"changed": True})
    waiter.join(5)
    assert got == [{"changed": True}]
