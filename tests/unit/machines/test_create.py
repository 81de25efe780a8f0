"""create-vm against the local cloud: first run, repeat, difference, strangers, bad luck, and Ctrl-C at every moment."""

from __future__ import annotations

import stat
from dataclasses import replace
from typing import Any

import pytest

from provision.errors import Interrupted, ProvisionError, Unreachable, UsageProblem
from provision.gce import firewall, instances
from provision.gce.faults import CloudError
from provision.inventory.book import MachineEntry, remember
from provision.machines.create import create_vm
from provision.machines.wish import Wish
from provision.model import Note, Progress, Result, Step, Table
from provision.ssh.trust import HostKeyMismatch
from tests.unit.machines.conftest import NOTHING, World

ZONE = "us-central1-a"
EVERY_STEP = [
    "check what is asked for",
    "open the firewall",
    "create the machine",
    "pin its host key",
    "log in over SSH",
    "write it into the inventory",
]


def test_the_first_run_makes_everything(world: World) -> None:
    told = world.create()
    assert [result.title for result in told.results] == EVERY_STEP
    assert told.changed == [
        "open the firewall",
        "create the machine",
        "pin its host key",
        "write it into the inventory",
    ]
    machine = world.machine()
    assert machine is not None and machine.status == "RUNNING" and machine.user == "provision"


def test_every_step_begins_before_it_ends(world: World) -> None:
    begun: list[str] = []
    for event in create_vm(world.place, Wish("tts-1")):
        if isinstance(event, Step):
            begun.append(event.title)
        if isinstance(event, Result):
            assert begun[-1] == event.title
    assert begun == EVERY_STEP


def test_a_repeat_changes_nothing(world: World) -> None:
    world.create()
    before = (world.place.folders.inventory.read_bytes(), world.known_hosts, world.rules())
    told = world.create()
    assert told.changed == []
    assert [result.title for result in told.results] == EVERY_STEP
    assert (world.place.folders.inventory.read_bytes(), world.known_hosts, world.rules()) == before


def test_the_repeat_tells_the_same_about_the_machine(world: World) -> None:
    assert world.create(gpu="l4").data == world.create(gpu="l4").data


def test_what_is_told_about_the_machine(world: World) -> None:
    data = world.create(gpu="l4", service_port=9090).data
    machine = world.machine()
    assert machine is not None
    assert data == {
        "name": "tts-1",
        "cloud": "local",
        "address": machine.address,
        "user": "provision",
        "zone": ZONE,
        "machine_type": "g2-standard-8",
        "gpu": "nvidia-l4",
        "image": data["image"],
        "disk_gb": 100,
        "spot": False,
        "max_run_s": None,
        "price_per_hour_usd": 0.0,
        "allow": [f"{world.local.caller_address}/32"],
        "instance_id": machine.id,
        "service_port": 9090,
        "inventory": str(world.place.folders.inventory),
        "key": str(world.place.folders.ssh / "id_ed25519"),
    }
    assert data["image"].startswith("debian-12")


def test_the_inventory_holds_what_reaches_it(world: World) -> None:
    world.create()
    host, machine = world.host(), world.machine()
    assert host is not None and machine is not None
    folders = world.place.folders
    assert {key: value for key, value in host.vars.items() if not key.startswith("inventory_")} == {
        "ansible_host": machine.address,
        "ansible_port": 22,
        "ansible_user": "provision",
        "ansible_ssh_private_key_file": str(folders.ssh / "id_ed25519"),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={folders.ssh / 'known_hosts'} "
        f"-o HostKeyAlias=compute.{machine.id} -o StrictHostKeyChecking=yes",
        "provision_cloud": "local",
        "provision_project": "local",
        "provision_zone": ZONE,
        "provision_gpu": "",
        "provision_instance_id": machine.id,
        "provision_service_port": 8080,
        "moshi_api_key_file": str(folders.keys / "tts-1.key"),
    }
    assert host.groups == ("tts",)


def test_ssh_is_reached_with_our_key_and_the_pinned_one(world: World) -> None:
    world.create()
    target, machine = world.ssh.targets[0], world.machine()
    assert machine is not None
    assert (target.address, target.user, target.host_key_policy) == (machine.address, "provision", "yes")
    assert target.key_files == (world.place.folders.ssh / "id_ed25519",)
    assert target.known_hosts == (world.place.folders.ssh / "known_hosts",)
    assert target.trust_name == f"compute.{machine.id}"
    assert stat.S_IMODE(target.key_files[0].stat().st_mode) == 0o600


def test_the_host_key_is_pinned_before_the_first_connection(world: World) -> None:
    for event in create_vm(world.place, Wish("tts-1")):
        if isinstance(event, Result) and event.title == "pin its host key":
            assert world.ssh.targets == [] and world.known_hosts.startswith("compute.")
    assert len(world.ssh.targets) == 1


def test_the_firewall_is_open_to_the_caller_alone(world: World) -> None:
    world.create()
    rules = world.rules()
    assert set(rules) == {"provision-tts-1-ssh", "provision-tts-1-service"}
    for rule in rules.values():
        assert rule["sourceRanges"] == [f"{world.local.caller_address}/32"]
        assert rule["targetTags"] == ["provision-tts-1"]


def test_named_addresses_are_let_in_instead(world: World) -> None:
    world.create(allow=("203.0.113.0/24", "198.51.100.7"), service_port=9000)
    service = world.rules()["provision-tts-1-service"]
    assert sorted(service["sourceRanges"]) == ["198.51.100.7/32", "203.0.113.0/24"]
    assert service["allowed"] == [{"IPProtocol": "tcp", "ports": ["9000"]}]
    assert world.create(allow=("198.51.100.7/32", "203.0.113.0/24"), service_port=9000).changed == []


def test_what_google_makes_of_it_is_told_while_it_works(world: World) -> None:
    told = world.create()
    said = [event for event in told.events if isinstance(event, Progress)]
    assert all((event.title, event.unit, event.total) == ("create the machine", "%", 100) for event in said)


def test_the_last_word_is_the_next_command(world: World) -> None:
    last = world.create().events[-1]
    assert isinstance(last, Note) and last.command == "provision deploy tts-1 --native"


def test_the_price_is_said_before_anything_is_made(world: World) -> None:
    for event in create_vm(world.place, Wish("tts-1")):
        if isinstance(event, Note):
            assert "price per hour: free" in event.text
            assert (world.rules(), world.machine()) == ({}, None)
            break
    else:
        raise AssertionError("nothing was said")


def on_google(world: World) -> World:
    """The same cloud, as if it were Google's."""
    return replace(world, place=replace(world.place, kind="gce"))


def test_on_google_a_machine_has_an_end_and_an_unknown_price(world: World) -> None:
    told = on_google(world).create(dry_run=True)
    rows = dict(next(event.rows for event in told.events if isinstance(event, Table)))
    assert rows["life"] == "deleted after 24h by the cloud itself (`--max-run`)"
    assert rows["price per hour"].startswith("unknown")
    assert (told.data["max_run_s"], told.data["price_per_hour_usd"]) == (86400, None)


def test_a_machine_without_an_end_is_warned_about_where_it_costs(world: World) -> None:
    told = on_google(world).create(dry_run=True, max_run="none")
    warnings = [event.text for event in told.events if isinstance(event, Note) and event.level == "warning"]
    assert warnings == ["it has no end of life: it costs until it is deleted"]
    assert [
        event for event in world.create(dry_run=True).events if isinstance(event, Note) and event.level == "warning"
    ] == []


def test_the_end_of_life_reaches_the_cloud(world: World) -> None:
    world.create(max_run="90m", max_run_action="stop", spot=True)
    machine = world.machine()
    assert machine is not None
    assert (machine.max_run_s, machine.max_run_action, machine.spot) == (5400, "stop", True)


def test_a_rule_of_others_that_lets_everybody_in_is_warned_about(world: World) -> None:
    world.place.cloud.change(
        "open",
        "Firewalls",
        "insert",
        firewall_resource={
            "name": "default-allow-ssh",
            "network": "global/networks/default",
            "sourceRanges": ["0.0.0.0/0"],
            "allowed": [{"IPProtocol": "tcp", "ports": ["22"]}],
        },
    )
    warnings = [event.text for event in world.create().events if isinstance(event, Note) and event.level == "warning"]
    assert len(warnings) == 1 and "default-allow-ssh" in warnings[0]


# Dry run


def test_a_dry_run_tells_and_does_nothing(world: World) -> None:
    told = world.create(gpu="l4", dry_run=True)
    assert told.changed == [
        "firewall rule provision-tts-1-ssh",
        "firewall rule provision-tts-1-service",
        "create the machine",
        "write it into the inventory",
    ]
    assert told.data["dry_run"] is True and told.data["machine_type"] == "g2-standard-8"
    assert world.left() == NOTHING
    assert not world.place.folders.ssh.exists()


def test_a_dry_run_of_what_is_there_changes_nothing(world: World) -> None:
    world.create()
    assert world.create(dry_run=True).changed == []


def test_a_dry_run_of_a_different_wish_shows_the_difference_and_refuses(world: World) -> None:
    world.create()
    with pytest.raises(UsageProblem, match="disk_gb"):
        world.create(disk_gb=80, dry_run=True)


# Differences


@pytest.mark.parametrize(
    ("wish", "setting", "has", "asked"),
    [
        ({"disk_gb": 50}, "disk_gb", "30", "50"),
        ({"machine_type": "e2-standard-8"}, "machine_type", "e2-standard-4", "e2-standard-8"),
        ({"spot": True}, "spot", "no", "yes"),
        ({"zone": "us-central1-b"}, "zone", "us-central1-a", "us-central1-b"),
        ({"image": "ubuntu-2204"}, "image", "debian-12", "ubuntu-2204"),
        ({"max_run": "24h"}, "max_run", "none", "24h"),
        ({"user": "ops"}, "ssh_user", "provision", "ops"),
        ({"service_port": 9000}, "port (service)", "8080", "9000"),
        ({"allow": ("10.0.0.0/8",)}, "allow (ssh)", "your address", "10.0.0.0/8"),
    ],
)
def test_a_different_wish_shows_the_difference_and_refuses(
    world: World, wish: dict[str, Any], setting: str, has: str, asked: str
) -> None:
    world.create()
    before, events = world.left(), []
    with pytest.raises(UsageProblem) as caught:
        for event in create_vm(world.place, Wish("tts-1", **wish)):
            events.append(event)
    assert caught.value.exit_code == 2
    rows = next(event.rows for event in events if isinstance(event, Table))
    assert (setting, has, asked) in rows
    assert f"{setting}: it has {has}, asked for {asked}" in caught.value.why
    assert world.left() == before


def test_who_may_come_in_can_be_changed_without_a_new_machine(world: World) -> None:
    world.create()
    with pytest.raises(UsageProblem) as caught:
        world.create(allow=("10.0.0.0/8",))
    assert "provision firewall tts-1" in caught.value.hint


def test_another_address_of_the_caller_is_mended_and_no_difference(world: World) -> None:
    world.create()
    moved = replace(world, place=replace(world.place, caller="192.0.2.9"))
    assert moved.create().changed == ["open the firewall"]
    assert world.rules()["provision-tts-1-ssh"]["sourceRanges"] == ["192.0.2.9/32"]


def test_a_rule_that_went_missing_is_made_again(world: World) -> None:
    world.create()
    firewall.delete(world.place.cloud, "provision-tts-1-service")
    assert world.create().changed == ["open the firewall"]
    assert "provision-tts-1-service" in world.rules()


def test_an_inventory_that_went_missing_is_written_again(world: World) -> None:
    world.create()
    world.place.folders.inventory.unlink()
    assert world.create().changed == ["write it into the inventory"]


def test_forgotten_host_keys_are_pinned_again(world: World) -> None:
    world.create()
    (world.place.folders.ssh / "known_hosts").unlink()
    assert world.create().changed == ["pin its host key"]


def test_a_stopped_machine_is_started(world: World) -> None:
    world.create()
    machine = world.machine()
    assert machine is not None
    instances.stop(world.place.cloud, machine)
    assert world.create().changed == ["start the machine"]
    again = world.machine()
    assert again is not None and again.status == "RUNNING"


# Two machines, two installations


def test_two_machines_live_side_by_side(world: World) -> None:
    world.create("tts-1")
    world.create("tts-2", gpu="l4")
    assert world.create("tts-1").changed == [] == world.create("tts-2", gpu="l4").changed
    assert len(world.rules()) == 4 and len(world.known_hosts.splitlines()) == 2
    one, two = world.host("tts-1"), world.host("tts-2")
    assert one is not None and two is not None and one.vars["ansible_host"] != two.vars["ansible_host"]


def test_a_name_taken_by_another_installation_is_refused(world: World, neighbour: World) -> None:
    world.create()
    before = world.left()
    with pytest.raises(UsageProblem, match="taken by a machine that was not made here"):
        neighbour.create()
    assert world.left() == before


def test_a_rule_of_somebody_else_in_the_way_is_refused(world: World, neighbour: World) -> None:
    world.create()
    machine = world.machine()
    assert machine is not None
    instances.delete(world.place.cloud, machine)
    with pytest.raises(UsageProblem, match="firewall rule provision-tts-1-ssh was not made here"):
        neighbour.create()


def test_a_name_of_a_host_of_the_operators_own_is_refused(world: World) -> None:
    remember(world.place.folders.inventory, MachineEntry("tts-1", {"ansible_host": "192.0.2.1"}))
    with pytest.raises(UsageProblem, match="the name tts-1 is taken"):
        world.create()
    assert world.rules() == {} and world.engine.containers == {}


def test_a_name_in_another_cloud_is_refused(world: World) -> None:
    remember(world.place.folders.inventory, MachineEntry("tts-1", {"provision_cloud": "gce", "provision_project": "p"}))
    with pytest.raises(UsageProblem) as caught:
        world.create()
    assert caught.value.hint.endswith("`provision delete-vm tts-1 --cloud gce` first")


# Bad input


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"name": "TTS_1"}, "cannot be a machine's name"),
        ({"zone": "us-centrl1-a"}, "unknown zone `us-centrl1-a`"),
        ({"gpu": "l44"}, "unknown GPU `l44`"),
        ({"machine_type": "e2-standart-4"}, "unknown machine type"),
        ({"image": "debian-99"}, "unknown image `debian-99`"),
        ({"max_run": "soon"}, "no duration"),
        ({"allow": ("everybody",)}, "no address range"),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(world: World, wish: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        world.run(create_vm(world.place, Wish(**{"name": "tts-1", **wish})))
    assert words in caught.value.what and caught.value.exit_code == 2
    assert world.left() == NOTHING


# Bad luck


def test_a_stockout_takes_its_rules_with_it(world: World) -> None:
    world.local.order_fault("stockout", ZONE)
    events = []
    with pytest.raises(CloudError) as caught:
        for event in create_vm(world.place, Wish("tts-1", gpu="l4")):
            events.append(event)
    assert caught.value.fault.kind == "stockout" and caught.value.exit_code == 1
    assert [event.title for event in events if isinstance(event, Result)][-1] == "remove the firewall rules again"
    assert world.left() == NOTHING


def test_after_a_stockout_a_repeat_just_works(world: World) -> None:
    world.local.order_fault("stockout", ZONE)
    with pytest.raises(CloudError):
        world.create()
    world.create()
    assert world.create().changed == []


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_a_cloud_with_hiccups_is_no_reason_to_stop(world: World, code: int) -> None:
    for method in ("GET", "POST"):
        world.local.order_fault("http", method, times=2, code=code)
    world.create()
    assert len(world.engine.containers) == 1
    assert world.create().changed == []


def test_a_host_key_that_is_none_is_refused(world: World) -> None:
    world.local.order_fault("bad-host-key", "tts-1")
    world.engine.read = lambda name, folder: {"hostkeys/ssh-ed25519": b"AAAA"}  # type: ignore[method-assign]
    with pytest.raises(ProvisionError, match="host key that is none"):
        world.create()
    assert world.known_hosts == "" and world.ssh.targets == []


def test_a_machine_that_publishes_no_key_is_not_trusted(world: World) -> None:
    world.engine.silent = True
    with pytest.raises(Unreachable, match="has published no host key"):
        world.create()
    assert world.ssh.targets == []
    world.engine.silent = False
    assert world.create().changed == ["pin its host key", "write it into the inventory"]


def test_ssh_that_refuses_at_first_is_waited_for(world: World) -> None:
    world.ssh.refusals += [Unreachable("no answer"), Unreachable("refuses user provision")]
    world.create()
    assert len(world.ssh.targets) == 3


def test_ssh_that_never_answers_is_told_with_its_last_reason(world: World) -> None:
    world.ssh.refusals += [Unreachable(f"reason {number}") for number in range(10_000)]
    with pytest.raises(Unreachable, match="reason"):
        world.create()
    assert world.host() is None


def test_another_host_key_is_told_at_once(world: World) -> None:
    world.ssh.refusals.append(HostKeyMismatch("the host key of tts-1 has changed"))
    with pytest.raises(HostKeyMismatch):
        world.create()
    assert len(world.ssh.targets) == 1


def test_a_machine_that_shows_another_key_later_is_refused(world: World) -> None:
    world.create()
    before = world.known_hosts
    world.engine.read = lambda name, folder: {  # type: ignore[method-assign]
        "hostkeys/ssh-ed25519": BOGUS.encode()
    }
    world.ssh.targets.clear()
    with pytest.raises(Unreachable, match="the host key of tts-1 has changed"):
        world.create()
    assert world.known_hosts == before and world.ssh.targets == []


BOGUS = "AAAAC3NzaC1lZDI1NTE5AAAAIGV2aWwgZXZpbCBldmlsIGV2aWwgZXZpbCBldmlsIGV2"


# Ctrl-C


def moments(world: World) -> int:
    """How many events a whole first run has."""
    return len(world.create("probe").events) + 1


@pytest.mark.parametrize("number", range(1, 16))
def test_ctrl_c_at_any_moment_says_what_is_left_and_a_repeat_mends(world: World, number: int) -> None:
    job = create_vm(world.place, Wish("tts-1"))
    events = [event for _, event in zip(range(number), job)]
    finished = [event.title for event in events if isinstance(event, Result)]
    with pytest.raises(Interrupted) as caught:
        job.throw(KeyboardInterrupt())  # type: ignore[attr-defined]
    told = caught.value
    assert told.exit_code == 130
    if "create the machine" in finished:
        assert "the machine tts-1" in told.why
    if world.left() != NOTHING:
        assert told.hint.endswith("`provision delete-vm tts-1 --cloud local`")
    world.create()
    assert world.create().changed == []
    assert len(world.engine.containers) == 1 and len(world.rules()) == 2


def test_a_run_has_at_least_the_moments_that_are_tried(world: World) -> None:
    assert moments(world) >= 15


@pytest.mark.parametrize("number", [5, 8, 11])
def test_what_ctrl_c_left_can_be_removed_whole(world: World, number: int) -> None:
    job = create_vm(world.place, Wish("tts-1"))
    list(zip(range(number), job))
    with pytest.raises(Interrupted):
        job.throw(KeyboardInterrupt())  # type: ignore[attr-defined]
    assert world.left() != NOTHING
    world.delete("tts-1")
    assert world.left() == NOTHING


def test_an_insert_that_still_runs_is_waited_for_and_taken_over(world: World) -> None:
    gate = world.engine.gate("create")
    job = create_vm(world.place, Wish("tts-1"))
    for event in job:
        if isinstance(event, Step) and event.title == "create the machine":
            break
    plan_rules = world.rules()
    begun = _begin_insert(world)
    assert world.engine.entered["create"].wait(5)
    job.close()  # type: ignore[attr-defined]
    gate.set()
    told = world.create()
    assert begun["status"] != "DONE" and set(world.rules()) == set(plan_rules)
    assert "create the machine" not in told.changed
    assert len(world.engine.containers) == 1


@pytest.mark.parametrize("status", ["PROVISIONING", "STAGING"])
def test_a_machine_seen_half_made_is_looked_at_again(
    world: World, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    world.create()
    whole = world.machine()
    assert whole is not None
    half = [replace(whole, status=status, address="", internal_address="10.9.9.9")]
    really = instances.find
    monkeypatch.setattr(instances, "find", lambda cloud, name: half.pop() if half else really(cloud, name))
    assert world.create().changed == []
    host = world.host()
    assert host is not None and host.vars["ansible_host"] == whole.address


def _begin_insert(world: World) -> dict[str, Any]:
    """Start the machine as an interrupted run has: the operation runs, nobody waits."""
    from provision.gce.instance import insert_body
    from provision.machines.keys import key_pair
    from provision.machines.wish import make_plan

    plan = make_plan(world.place, Wish("tts-1"), key_pair(world.place.folders.ssh))
    body = insert_body(plan.request)
    return world.place.cloud.begin("create", "Instances", "insert", zone=ZONE, instance_resource=body)
