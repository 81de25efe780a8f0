"""Operations: answered, waited for, listed, forgotten, and brought to an end when their process dies."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from provision.local.locks import is_alive, lock, this_process
from provision.local.operations import KEPT, Operations
from provision.local.server import actions
from provision.local.store import OperationRow
from tests.unit.local.conftest import ZONE, Client, World, instance, opened, rule
from tests.unit.local.fake_engine import FakeEngine

PATH = f"zones/{ZONE}/instances"
DEAD = "999999999@1.gone"


def orphaned(world: World, operation: str) -> None:
    """The process of that operation is gone, with the operation where it was."""
    with world.store.write() as transaction:
        (row,) = [row for row in transaction.operations() if row.name == operation]
        body = {**row.body, "status": "RUNNING", "progress": 50}
        transaction.put_operation(replace(row, owner=DEAD, done=False, body=body))


def settled(world: World) -> list[OperationRow]:
    """All operations, once they are done."""
    until = time.monotonic() + 10
    while True:
        with world.store.read() as transaction:
            rows = transaction.operations()
        if all(row.done for row in rows) or time.monotonic() > until:
            return rows
        time.sleep(0.01)


# The API


def test_an_operation_can_be_got_listed_and_deleted(call: Client) -> None:
    operation = call.done(call("POST", PATH, instance()))
    link = f"zones/{ZONE}/operations/{operation['name']}"
    assert call("GET", link).body == operation
    assert call("GET", f"zones/{ZONE}/operations").body["items"] == [operation]
    call("DELETE", link)
    assert call("GET", link).message == f"The resource 'projects/local/{link}' was not found"


def test_operations_on_firewalls_are_global(call: Client) -> None:
    operation = call.done(call("POST", "global/firewalls", rule()))
    assert "zone" not in operation
    assert call("GET", f"global/operations/{operation['name']}").body == operation
    assert call("GET", "global/operations").body["items"] == [operation]
    assert call("GET", f"zones/{ZONE}/operations").body["items"] == []
    assert call("GET", f"zones/{ZONE}/operations/{operation['name']}").code == 404


def test_all_operations_come_by_scope(call: Client) -> None:
    call.done(call("POST", "global/firewalls", rule()))
    call.create()
    scopes = call("GET", "aggregated/operations").body["items"]
    assert [item["operationType"] for item in scopes["global"]["operations"]] == ["insert"]
    assert [item["targetLink"].rsplit("/", 1)[-1] for item in scopes[f"zones/{ZONE}"]["operations"]] == ["vm1"]


def test_an_operation_names_its_target_and_times(call: Client) -> None:
    operation = call.done(call("POST", PATH, instance()))
    body = call("GET", f"{PATH}/vm1").body
    assert (operation["targetLink"], operation["targetId"]) == (body["selfLink"], body["id"])
    assert operation["insertTime"] <= operation["startTime"] <= operation["endTime"]


def test_wait_answers_when_the_work_is_done_not_before(world: World) -> None:
    gate = world.engine.gate("start")
    operation = world.client("POST", PATH, instance()).body
    world.engine.entered["start"].wait(5)
    threading.Timer(0.2, gate.set).start()
    started = time.monotonic()
    waited = world.client("POST", f"zones/{ZONE}/operations/{operation['name']}/wait").body
    assert waited["status"] == "DONE"
    assert time.monotonic() - started >= 0.15


def test_wait_gives_up_after_its_time_with_the_operation_as_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provision.local.api.app.WAIT_S", 0.1)
    gate = world.engine.gate("start")
    operation = world.client("POST", PATH, instance()).body
    assert world.client("POST", f"zones/{ZONE}/operations/{operation['name']}/wait").body["status"] == "RUNNING"
    gate.set()


def test_waiting_for_what_is_not_there_is_not_found(call: Client) -> None:
    assert call("POST", f"zones/{ZONE}/operations/nix/wait").code == 404


def test_only_the_newest_operations_are_kept(world: World) -> None:
    with world.store.write() as transaction:
        for number in range(KEPT + 20):
            name = f"old-{number}"
            transaction.put_operation(
                OperationRow(name, "global", "firewalls.insert", "x", "", DEAD, True, {"name": name})
            )
    world.client.done(world.client("POST", "global/firewalls", rule()))
    with world.store.read() as transaction:
        names = [row.name for row in transaction.operations()]
    assert len(names) == KEPT
    assert "old-0" not in names


# After a crash


def test_a_creation_whose_process_died_is_failed_and_its_parts_are_gone(tmp_path: Path) -> None:
    engine = FakeEngine()
    with opened(tmp_path, engine) as before:
        operation = before.client.done(before.client("POST", PATH, instance()))
        orphaned(before, operation["name"])
    with opened(tmp_path, engine) as after:
        body = after.client.done(after.client("GET", f"zones/{ZONE}/operations/{operation['name']}"))
        assert "ended before it was done" in body["error"]["errors"][0]["message"]
        assert body["httpErrorStatusCode"] == 500
        assert after.client("GET", f"{PATH}/vm1").code == 404
        assert (engine.containers, engine.networks) == ({}, {})
        assert after.client.create()["status"] == "RUNNING"


def test_a_deletion_whose_process_died_is_carried_out(tmp_path: Path) -> None:
    engine = FakeEngine()
    with opened(tmp_path, engine) as before:
        before.client.create()
        gate = engine.gate("remove")
        operation = before.client("DELETE", f"{PATH}/vm1").body
        engine.entered["remove"].wait(5)
        orphaned(before, operation["name"])
        engine.gates.clear()
        with opened(tmp_path, engine) as after:
            after.operations.adopt()
            gate.set()
            done = [row for row in settled(after) if row.name == operation["name"]]
            assert "error" not in done[0].body
            assert after.client("GET", f"{PATH}/vm1").code == 404


def test_firewall_changes_whose_process_died_reach_the_machines(tmp_path: Path) -> None:
    engine = FakeEngine()
    with opened(tmp_path, engine) as before:
        before.client.create()
        operation = before.client.done(before.client("POST", "global/firewalls", rule()))
        orphaned(before, operation["name"])
        container = before.container()
    engine.commands.clear()
    with opened(tmp_path, engine) as after:
        after.operations.adopt()
        assert all("error" not in row.body for row in settled(after))
        assert (container, ("nft", "-f", "/etc/provision-machine/firewall.nft")) in engine.commands


def test_a_start_whose_process_died_is_failed_and_the_status_is_true(tmp_path: Path) -> None:
    engine = FakeEngine()
    with opened(tmp_path, engine) as before:
        before.client.create()
        before.client.done(before.client("POST", f"{PATH}/vm1/stop"))
        operation = before.client.done(before.client("POST", f"{PATH}/vm1/start"))
        engine.running[before.container()] = False
        orphaned(before, operation["name"])
    with opened(tmp_path, engine) as after:
        after.operations.adopt()
        (row,) = [row for row in settled(after) if row.name == operation["name"]]
        assert "error" in row.body
        assert after.client("GET", f"{PATH}/vm1").body["status"] == "TERMINATED"


def test_operations_of_a_living_process_are_left_to_it(world: World) -> None:
    gate = world.engine.gate("start")
    operation = world.client("POST", PATH, instance()).body
    world.engine.entered["start"].wait(5)
    second = Operations(world.store, actions(world.machines))
    second.adopt()
    assert second.get(ZONE, operation["name"])["status"] == "RUNNING"
    gate.set()
    second.close(0)
    assert world.client.done(world.client("GET", f"zones/{ZONE}/operations/{operation['name']}"))["progress"] == 100


def test_closing_waits_for_what_is_running(world: World) -> None:
    gate = world.engine.gate("start")
    operation = world.client("POST", PATH, instance()).body
    world.engine.entered["start"].wait(5)
    threading.Timer(0.1, gate.set).start()
    world.operations.close(5)
    with world.store.read() as transaction:
        assert transaction.operation(ZONE, operation["name"]).done


def test_closing_ends_waiting(world: World) -> None:
    gate = world.engine.gate("start")
    operation = world.client("POST", PATH, instance()).body
    world.operations.close(0)
    assert world.operations.is_settled(ZONE, operation["name"])
    gate.set()


# Two at the same time


def test_two_clouds_on_one_state_work_side_by_side(tmp_path: Path) -> None:
    engine = FakeEngine()
    with opened(tmp_path, engine) as one, opened(tmp_path, engine) as two:
        worlds = (one, two)
        threads = [
            threading.Thread(target=lambda n=n: worlds[n % 2].client.create(f"vm{n}", labels={"n": str(n)}))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        names = [item["name"] for item in two.client("GET", PATH).body["items"]]
        addresses = {container.address for container in engine.containers.values()}
    assert names == [f"vm{n}" for n in range(8)]
    assert len(addresses) == 8
    assert len(engine.networks) == 1


def test_of_two_inserts_of_one_name_one_wins(tmp_path: Path) -> None:
    engine = FakeEngine()
    with opened(tmp_path, engine) as one, opened(tmp_path, engine) as two:
        codes: list[int] = []
        threads = [
            threading.Thread(target=lambda w=w: codes.append(w.client("POST", PATH, instance()).code))
            for w in (one, two)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert sorted(codes) == [200, 409]


def test_a_machine_deleted_while_it_is_made_ends_up_deleted(world: World) -> None:
    gate = world.engine.gate("build")
    inserting = world.client("POST", PATH, instance())
    world.engine.entered["build"].wait(5)
    world.client.done(world.client("DELETE", f"{PATH}/vm1"))
    gate.set()
    assert world.client.done(inserting)["error"]["errors"][0]["code"] == "RESOURCE_NOT_FOUND"
    assert world.engine.containers == {}


# Who is alive


def test_this_process_is_alive_and_a_later_one_of_its_number_is_not() -> None:
    assert is_alive(this_process())
    pid = this_process().partition("@")[0]
    assert not is_alive(f"{pid}@1.other")


@pytest.mark.parametrize("owner", [DEAD, "", "nix", "@", "1@"])
def test_what_names_no_living_process_is_dead(owner: str) -> None:
    assert not is_alive(owner)


def test_a_lock_excludes_threads_and_is_free_again_afterwards(tmp_path: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        with lock(tmp_path / "locks" / "x"):
            order.append("second")

    with lock(tmp_path / "locks" / "x"):
        thread = threading.Thread(target=lambda: (inside.set(), second()))
        thread.start()
        inside.wait(5)
        time.sleep(0.05)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]
