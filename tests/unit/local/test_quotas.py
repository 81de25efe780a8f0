"""Quotas are counted from what is there, and refuse in Google's shape."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.local.conftest import ZONE, World, gpu_instance, instance

PATH = f"zones/{ZONE}/instances"
SPOT = {"provisioningModel": "SPOT", "onHostMaintenance": "TERMINATE", "automaticRestart": False}


def attempt(world: World, body: dict[str, Any], zone: str = ZONE) -> dict[str, Any]:
    return world.client.done(world.client("POST", f"zones/{zone}/instances", body))


def usage(world: World, metric: str, path: str = "regions/us-central1") -> float:
    (found,) = [quota["usage"] for quota in world.client("GET", path).body["quotas"] if quota["metric"] == metric]
    return float(found)


def test_what_a_machine_uses_is_counted_and_given_back(world: World) -> None:
    attempt(world, gpu_instance())
    assert (usage(world, "NVIDIA_L4_GPUS"), usage(world, "CPUS"), usage(world, "GPUS_ALL_REGIONS", "")) == (1, 8, 1)
    world.client.done(world.client("DELETE", f"{PATH}/vm1"))
    assert (usage(world, "NVIDIA_L4_GPUS"), usage(world, "CPUS"), usage(world, "GPUS_ALL_REGIONS", "")) == (0, 0, 0)


def test_spot_machines_have_quotas_of_their_own(world: World) -> None:
    attempt(world, gpu_instance(scheduling=SPOT))
    assert (usage(world, "PREEMPTIBLE_NVIDIA_L4_GPUS"), usage(world, "NVIDIA_L4_GPUS")) == (1, 0)
    assert usage(world, "PREEMPTIBLE_CPUS") == 8


def test_another_region_is_not_counted_here(world: World) -> None:
    attempt(world, gpu_instance(zone="us-east4-a"), "us-east4-a")
    assert usage(world, "NVIDIA_L4_GPUS") == 0
    assert usage(world, "NVIDIA_L4_GPUS", "regions/us-east4") == 1


def test_a_machine_beyond_the_quota_of_its_region_fails_and_is_gone(world: World) -> None:
    eight = {"machineType": f"zones/{ZONE}/machineTypes/g2-standard-96"}
    for number in range(2):
        assert "error" not in attempt(world, gpu_instance(f"vm{number}", **eight))
    operation = attempt(world, gpu_instance("third"))
    (error,) = operation["error"]["errors"]
    assert (error["code"], operation["httpErrorStatusCode"]) == ("QUOTA_EXCEEDED", 403)
    assert error["message"] == "Quota 'NVIDIA_L4_GPUS' exceeded.  Limit: 16.0 in region us-central1."
    quota = error["errorDetails"][0]["quotaInfo"]
    assert (quota["metricName"], quota["dimensions"]) == (
        "compute.googleapis.com/nvidia_l4_gpus",
        {"region": "us-central1"},
    )
    assert world.client("GET", f"{PATH}/third").code == 404
    assert "error" not in attempt(world, gpu_instance("elsewhere", "us-east4-a"), "us-east4-a")


@pytest.mark.parametrize("place", ["", ZONE, "us-central1"])
def test_a_tight_quota_can_be_ordered(world: World, place: str) -> None:
    world.order("quota", place, GPUS_ALL_REGIONS=0)
    operation = attempt(world, gpu_instance())
    assert operation["error"]["errors"][0]["message"] == "Quota 'GPUS_ALL_REGIONS' exceeded.  Limit: 0.0 globally."
    assert "error" not in attempt(world, gpu_instance())


def test_a_quota_on_gpus_does_not_stop_a_machine_without(world: World) -> None:
    world.order("quota", GPUS_ALL_REGIONS=0)
    assert "error" not in attempt(world, instance())
