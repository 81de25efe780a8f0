"""delete-vm: everything that was made goes, nothing else does, and what is gone already is no trouble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provision.errors import Interrupted, UsageProblem
from provision.gce import firewall, instances
from provision.inventory import load
from provision.inventory.book import MachineEntry, forget, remember
from provision.machines.create import create_vm
from provision.machines.delete import delete_vm, removal_of
from provision.machines.wish import Wish
from provision.model import Note, Result, Step
from tests.unit.machines.conftest import NOTHING, World


def api_key(world: World, name: str = "tts-1") -> Path:
    """The key that deploy would have made."""
    path = world.place.folders.keys / f"{name}.key"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("secret\n")
    return path


def test_everything_of_the_machine_goes(world: World) -> None:
    world.create()
    api_key(world)
    told = world.delete("tts-1")
    assert told.changed == ["delete the machine", "delete its firewall rules", "forget it here"]
    assert world.left() == NOTHING and world.machine() is None


def test_what_was_removed_is_told(world: World) -> None:
    world.create()
    key = api_key(world)
    assert world.delete("tts-1").data == {
        "removed": [
            {
                "name": "tts-1",
                "machine": True,
                "firewall_rules": ["provision-tts-1-service", "provision-tts-1-ssh"],
                "inventory": True,
                "key": str(key),
            }
        ]
    }


def test_the_other_machine_stays_whole(world: World) -> None:
    world.create("tts-1")
    world.create("tts-10")
    key = api_key(world, "tts-10")
    world.delete("tts-1")
    assert world.create("tts-10").changed == []
    assert key.exists() and set(world.rules()) == {"provision-tts-10-ssh", "provision-tts-10-service"}


def test_what_others_have_stays(world: World) -> None:
    inventory = world.place.folders.inventory
    world.create()
    remember(inventory, MachineEntry("mine", {"ansible_host": "192.0.2.1"}, ("tts",)))
    known_hosts = world.place.folders.ssh / "known_hosts"
    known_hosts.write_text(known_hosts.read_text() + "example.org ssh-rsa AAAA\n")
    body = {"name": "provision-tts-1-extra", "description": "somebody's", "allowed": [{"IPProtocol": "icmp"}]}
    world.place.cloud.change("open", "Firewalls", "insert", firewall_resource=body)
    world.delete("tts-1")
    assert set(load([str(inventory)]).hosts) == {"mine"}
    assert known_hosts.read_text() == "example.org ssh-rsa AAAA\n"
    assert set(world.rules()) == {"provision-tts-1-extra"}
    assert (world.place.folders.ssh / "id_ed25519").exists()


def _machine_gone(world: World) -> None:
    machine = world.machine()
    assert machine is not None
    instances.delete(world.place.cloud, machine)


def _container_gone(world: World) -> None:
    world.engine.remove(next(iter(world.engine.containers)))


def _rules_gone(world: World) -> None:
    for rule in world.rules():
        firewall.delete(world.place.cloud, rule)


def _unlisted(world: World) -> None:
    forget(world.place.folders.inventory, "tts-1")


def _untrusted(world: World) -> None:
    (world.place.folders.ssh / "known_hosts").unlink()


def _no_inventory(world: World) -> None:
    world.place.folders.inventory.unlink()


@pytest.mark.parametrize("gone", [_machine_gone, _container_gone, _rules_gone, _unlisted, _untrusted, _no_inventory])
def test_parts_that_are_gone_are_no_trouble(world: World, gone: Callable[[World], None]) -> None:
    world.create()
    gone(world)
    world.delete("tts-1")
    assert world.left() == NOTHING


def test_a_machine_that_goes_between_looking_and_deleting_is_no_trouble(world: World) -> None:
    world.create()
    removal = removal_of(world.place, "tts-1")
    _machine_gone(world)
    _rules_gone(world)
    told = world.run(delete_vm([(world.place, removal)]))
    assert [result.status for result in told.results] == ["ok", "ok", "changed"]
    assert world.left() == NOTHING


def test_a_stopped_machine_goes_too(world: World) -> None:
    world.create()
    machine = world.machine()
    assert machine is not None
    instances.stop(world.place.cloud, machine)
    world.delete("tts-1")
    assert world.left() == NOTHING


def test_an_unknown_name_is_answered_with_the_nearest(world: World) -> None:
    world.create("tts-1")
    with pytest.raises(UsageProblem) as caught:
        removal_of(world.place, "tts-11")
    assert (caught.value.what, caught.value.hint) == ("there is no machine `tts-11`", "did you mean `tts-1`?")


def test_a_name_quite_unlike_any_is_sent_to_the_list(world: World) -> None:
    with pytest.raises(UsageProblem) as caught:
        removal_of(world.place, "whatever")
    assert "`provision list`" in caught.value.hint


def test_a_second_delete_says_that_nothing_is_left(world: World) -> None:
    world.create()
    world.delete("tts-1")
    with pytest.raises(UsageProblem, match="there is no machine `tts-1`"):
        world.delete("tts-1")


def test_a_machine_of_another_installation_is_left_alone(world: World, neighbour: World) -> None:
    world.create()
    with pytest.raises(UsageProblem, match="was not made here"):
        neighbour.delete("tts-1")
    assert neighbour.delete_all().data == {"removed": []}
    assert world.create().changed == []


def test_all_takes_every_machine_of_ours_and_no_other(world: World, neighbour: World) -> None:
    world.create("tts-1")
    world.create("tts-2")
    neighbour.create("theirs")
    world.delete_all()
    left = world.left()
    assert left["rules"] == {"provision-theirs-ssh", "provision-theirs-service"}
    assert len(left["containers"]) == 1 and left["hosts"] == set()
    assert neighbour.create("theirs").changed == []


def test_all_finds_remains_of_machines_that_are_gone(world: World) -> None:
    world.create("tts-1")
    world.create("tts-2")
    _machine_gone(world)
    machine = world.machine("tts-2")
    assert machine is not None
    instances.delete(world.place.cloud, machine)
    world.delete_all()
    assert world.left() == NOTHING


def test_all_finds_rules_whose_machine_nobody_knows_any_more(world: World) -> None:
    world.create("tts-1")
    _machine_gone(world)
    _no_inventory(world)
    world.delete_all()
    assert world.rules() == {}


def test_all_of_nothing_says_so(world: World) -> None:
    told = world.delete_all()
    assert told.data == {"removed": []}
    assert [event.text for event in told.events if isinstance(event, Note)] == ["there is nothing to remove"]


def test_a_dry_run_names_every_part_and_removes_none(world: World) -> None:
    world.create()
    api_key(world)
    before = world.left()
    told = world.run(delete_vm([(world.place, removal_of(world.place, "tts-1"))], dry_run=True))
    assert told.changed == [
        "remove machine tts-1 in us-central1-a with its boot disk",
        "remove firewall rule provision-tts-1-service",
        "remove firewall rule provision-tts-1-ssh",
        "remove pinned host key",
        "remove inventory entry",
        f"remove API key {world.place.folders.keys / 'tts-1.key'}",
    ]
    assert world.left() == before


def test_the_entry_of_the_same_name_in_another_cloud_stays(world: World) -> None:
    world.create()
    host = world.host()
    assert host is not None
    elsewhere = {**host.own, "provision_cloud": "gce", "provision_project": "p"}
    remember(world.place.folders.inventory, MachineEntry("tts-1", elsewhere, ("tts",)))
    key = api_key(world)
    world.delete("tts-1")
    assert world.machine() is None and key.exists()
    assert world.host() is not None


@pytest.mark.parametrize("number", range(1, 7))
def test_ctrl_c_at_any_moment_leaves_what_a_repeat_removes(world: World, number: int) -> None:
    world.create()
    job: Any = delete_vm([(world.place, removal_of(world.place, "tts-1"))])
    list(zip(range(number), job))
    with pytest.raises(Interrupted) as caught:
        job.throw(KeyboardInterrupt())
    assert caught.value.hint == "`provision delete-vm tts-1 --cloud local` again"
    if world.left() != NOTHING:
        world.delete("tts-1")
    assert world.left() == NOTHING


def test_a_machine_that_is_still_being_made_is_waited_for(world: World) -> None:
    gate = world.engine.gate("start")
    job: Any = create_vm(world.place, Wish("tts-1"))
    for event in job:
        if isinstance(event, Step) and event.title == "create the machine":
            break
    from tests.unit.machines.test_create import _begin_insert

    _begin_insert(world)
    assert world.engine.entered["start"].wait(5)
    job.close()
    removal = removal_of(world.place, "tts-1")
    gate.set()
    told = world.run(delete_vm([(world.place, removal)]))
    assert [result for result in told.results if result.status == "failed"] == []
    assert world.left() == NOTHING


def test_rules_are_removed_by_their_owner_and_not_by_their_name(world: World) -> None:
    world.create()
    removal = removal_of(world.place, "tts-1")
    assert replace(removal, name="x").rules == ("provision-tts-1-service", "provision-tts-1-ssh")
    assert all(isinstance(result, Result) for result in world.delete("tts-1").results)
