"""The cloud's network: made late, removed early, on a subnet that stays the same."""

from __future__ import annotations

import pytest

from provision.errors import ProvisionError
from provision.local import bridge as bridges
from tests.unit.local.conftest import ZONE, World


def test_asking_for_the_callers_address_makes_no_network(world: World) -> None:
    address = world.machines.bridge.caller_address()
    assert world.engine.networks == {}
    assert world.machines.bridge.network().gateway == address


def test_the_subnet_is_remembered_between_machines(world: World) -> None:
    before = world.machines.bridge.network()
    world.machines.bridge.forget()
    assert world.engine.networks == {}
    assert world.machines.bridge.network() == before


def test_a_subnet_that_docker_has_given_away_is_passed_over(world: World) -> None:
    first = world.machines.bridge.network()
    world.machines.bridge.forget()
    world.engine.taken_subnets.add(first.subnet)
    second = world.machines.bridge.network()
    assert second.subnet != first.subnet
    assert world.machines.bridge.caller_address() == second.gateway


def test_a_subnet_that_something_else_routes_by_now_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.machines.bridge.caller_address()
    monkeypatch.setattr(bridges, "is_free", lambda subnet: False)
    monkeypatch.setattr(bridges, "candidates", lambda owner: iter([bridges.IPv4Network("10.254.9.0/24")]))
    assert before != world.machines.bridge.caller_address() == "10.254.9.1"


def test_machines_keep_their_subnet_even_when_the_network_was_removed_by_hand(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.client.create()
    (before,) = world.engine.networks.values()
    world.engine.networks.clear()
    monkeypatch.setattr(bridges, "is_free", lambda subnet: False)
    assert world.machines.bridge.network() == before


def test_a_subnet_with_machines_that_is_taken_cannot_be_exchanged(world: World) -> None:
    world.client.create()
    (before,) = world.engine.networks.values()
    world.engine.networks.clear()
    world.engine.taken_subnets.add(before.subnet)
    with pytest.raises(ProvisionError, match="no subnet for the local cloud") as failure:
        world.machines.bridge.network()
    assert before.subnet in failure.value.why


def test_the_network_is_not_removed_under_a_machine(world: World) -> None:
    world.client.create()
    world.machines.bridge.forget()
    assert len(world.engine.networks) == 1


def test_a_full_subnet_fails_the_creation(world: World) -> None:
    world.machines.bridge.network()
    with world.store.write() as transaction:
        network = world.machines.bridge.network()
        prefix = network.subnet.rsplit(".", 1)[0]
        for number in range(2, 255):
            transaction.take_address(f"{prefix}.{number}", str(number))
    from tests.unit.local.conftest import instance

    operation = world.client.done(world.client("POST", f"zones/{ZONE}/instances", instance()))
    assert operation["error"]["errors"][0]["code"] == "IP_SPACE_EXHAUSTED"
