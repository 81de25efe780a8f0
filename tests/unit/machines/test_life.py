"""list, start, stop and firewall: what is there, asleep and awake, and who may come in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from provision.errors import UsageProblem
from provision.gce import firewall, instances
from provision.gce.instance import Machine
from provision.machines import book
from provision.machines.access import access
from provision.machines.clouds import Place
from provision.machines.lifecycle import start, stop
from provision.machines.listing import COLUMNS, end_of, list_vms
from provision.model import Note, Table
from tests.unit.machines.conftest import Told, World


def listed(*worlds: World) -> Told:
    @contextmanager
    def opened(world: World) -> Iterator[Place]:
        yield world.place

    return Told(list(list_vms([opened(world) for world in worlds])))


def test_without_machines_the_list_says_how_to_get_one(world: World) -> None:
    told = listed(world)
    assert told.data == {"machines": []}
    assert [event.command for event in told.events if isinstance(event, Note)] == ["provision create-vm tts-1 --gpu l4"]


def test_machines_are_listed_by_name_with_all_that_matters(world: World) -> None:
    world.create("tts-2", gpu="l4", spot=True)
    world.create("tts-1")
    told = listed(world)
    assert [row["name"] for row in told.data["machines"]] == ["tts-1", "tts-2"]
    row, machine = told.data["machines"][1], world.machine("tts-2")
    assert machine is not None
    assert row == {
        "name": "tts-2",
        "status": "RUNNING",
        "address": machine.address,
        "cloud": "local",
        "zone": "us-central1-a",
        "machine_type": "g2-standard-8",
        "gpu": "nvidia-l4",
        "spot": True,
        "created": machine.created,
        "ends": "",
        "price_per_hour_usd": 0.0,
        "instance_id": machine.id,
        "user": "provision",
    }


def test_the_table_has_a_cell_for_every_column(world: World) -> None:
    world.create()
    table = next(event for event in listed(world).events if isinstance(event, Table))
    assert table.columns == COLUMNS and [len(row) for row in table.rows] == [len(COLUMNS)]


def test_a_machine_that_was_taken_away_is_listed_as_gone(world: World) -> None:
    world.create()
    machine = world.machine()
    assert machine is not None
    instances.delete(world.place.cloud, machine)
    rows = listed(world).data["machines"]
    assert [(row["name"], row["status"], row["instance_id"]) for row in rows] == [("tts-1", "GONE", machine.id)]


def test_machines_of_others_are_not_listed(world: World, neighbour: World) -> None:
    world.create()
    assert listed(neighbour).data == {"machines": []}


def test_several_clouds_make_one_list(world: World, neighbour: World) -> None:
    world.create("tts-1")
    neighbour.create("tts-2")
    assert [row["name"] for row in listed(world, neighbour).data["machines"]] == ["tts-1", "tts-2"]


@pytest.mark.parametrize(
    ("started", "seconds", "end"),
    [
        ("2026-11-21T10:00:00.000+00:00", 86400, "2026-11-22T10:00+00:00"),
        ("2026-11-21T10:00:00.123-08:00", 3600, "2026-11-21T11:00-08:00"),
        ("2026-11-21T10:00:00Z", 60, "2026-11-21T10:01+00:00"),
        ("", 60, ""),
        ("yesterday", 60, ""),
        ("2026-11-21T10:00:00Z", None, ""),
    ],
)
def test_the_end_of_a_machine_is_reckoned_from_its_start(started: str, seconds: int | None, end: str) -> None:
    machine = Machine("x", "1", "z", "RUNNING", "t", started=started, max_run_s=seconds)
    assert end_of(machine) == end


def test_stop_and_start(world: World) -> None:
    world.create()
    assert world.run(stop(world.place, "tts-1")).changed == ["stop the machine"]
    machine = world.machine()
    assert machine is not None and machine.status == "TERMINATED"
    assert world.run(stop(world.place, "tts-1")).changed == []
    told = world.run(start(world.place, "tts-1"))
    assert told.changed == ["start the machine"] and told.data["status"] == "RUNNING"
    assert world.run(start(world.place, "tts-1")).changed == []


def test_a_start_writes_the_new_address_down(world: World) -> None:
    world.create(service_port=9000)
    host = world.host()
    assert host is not None
    stale = book.entry(
        world.place,
        replace(_machine(world), address="192.0.2.77"),
        book_keys(world),
        9000,
    )
    book.written(world.place.folders, stale)
    assert world.run(start(world.place, "tts-1")).changed == ["write it into the inventory"]
    again = world.host()
    assert again is not None and again.vars == host.vars


def _machine(world: World) -> Machine:
    machine = world.machine()
    assert machine is not None
    return machine


def book_keys(world: World):  # type: ignore[no-untyped-def]
    from provision.machines.keys import key_pair

    return key_pair(world.place.folders.ssh)


def test_a_start_waits_for_ssh(world: World) -> None:
    world.create()
    world.ssh.targets.clear()
    world.run(start(world.place, "tts-1"))
    assert [target.name for target in world.ssh.targets] == ["tts-1"]


@pytest.mark.parametrize("job", [start, stop, access])
def test_a_machine_that_is_not_there_is_answered_with_the_nearest(world: World, job) -> None:  # type: ignore[no-untyped-def]
    world.create("tts-1")
    with pytest.raises(UsageProblem) as caught:
        world.run(job(world.place, "tss-1"))
    assert caught.value.hint == "did you mean `tts-1`?"


@pytest.mark.parametrize("job", [start, stop, access])
def test_a_machine_of_others_is_left_alone(world: World, neighbour: World, job) -> None:  # type: ignore[no-untyped-def]
    world.create("tts-1")
    with pytest.raises(UsageProblem, match="was not made here"):
        neighbour.run(job(neighbour.place, "tts-1"))


def test_who_may_come_in_is_shown(world: World) -> None:
    world.create()
    mine = f"{world.local.caller_address}/32"
    assert world.run(access(world.place, "tts-1")).data["rules"] == [
        {"rule": "provision-tts-1-service", "ports": ["8080"], "allow": [mine]},
        {"rule": "provision-tts-1-ssh", "ports": ["22"], "allow": [mine]},
    ]


def test_who_may_come_in_is_changed_and_changed_back(world: World) -> None:
    world.create(service_port=9000)
    told = world.run(access(world.place, "tts-1", allow=("10.0.0.0/8",)))
    assert told.changed == ["change who may reach it"]
    assert {tuple(rule["allow"]) for rule in told.data["rules"]} == {("10.0.0.0/8",)}
    assert world.create(service_port=9000, allow=("10.0.0.0/8",)).changed == []
    assert world.run(access(world.place, "tts-1", allow=("10.0.0.0/8",))).changed == []
    world.run(access(world.place, "tts-1", mine=True))
    assert world.create(service_port=9000).changed == []


def test_both_at_once_make_no_sense(world: World) -> None:
    world.create()
    with pytest.raises(UsageProblem, match="exclude each other"):
        world.run(access(world.place, "tts-1", allow=("10.0.0.0/8",), mine=True))


def test_the_service_moves_to_another_port(world: World) -> None:
    world.create(allow=("10.0.0.0/8",))
    told = world.run(access(world.place, "tts-1", port=9000))
    assert [(rule["ports"], rule["allow"]) for rule in told.data["rules"]] == [
        (["9000"], ["10.0.0.0/8"]),
        (["22"], ["10.0.0.0/8"]),
    ]
    assert book.service_port(world.place.folders, "tts-1") == 9000
    assert world.create(allow=("10.0.0.0/8",), service_port=9000).changed == []
    assert world.run(access(world.place, "tts-1", port=9000)).changed == []


def test_rules_that_went_missing_are_opened_to_the_caller(world: World) -> None:
    world.create()
    for rule in list(world.rules()):
        firewall.delete(world.place.cloud, rule)
    assert world.run(access(world.place, "tts-1", mine=True)).changed == ["change who may reach it"]
    assert world.create().changed == []
