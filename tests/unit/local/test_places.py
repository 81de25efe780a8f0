"""Zones, regions, machine types, accelerators, images, networks and the project, as Google's clients read them."""

from __future__ import annotations

import pytest

from provision.local import catalogue
from tests.unit.local.conftest import ZONE, Client, gpu_instance


def test_the_project_is_called_local_and_has_gpu_quota(call: Client) -> None:
    project = call("GET", "").body
    assert project["name"] == "local"
    assert {"metric": "GPUS_ALL_REGIONS", "limit": 64.0, "usage": 0.0} in project["quotas"]


def test_another_project_is_not_found(call: Client) -> None:
    answer = call("GET", "zones", project="somebody-elses")
    assert (answer.code, answer.reason) == (404, "notFound")
    assert answer.message == "The resource 'projects/somebody-elses' was not found"


def test_every_zone_listed_can_be_got_and_belongs_to_its_region(call: Client) -> None:
    zones = call("GET", "zones").body["items"]
    assert len(zones) == len(catalogue.zones()) > 20
    for zone in zones:
        assert call("GET", f"zones/{zone['name']}").body == zone
        assert zone["name"].startswith(zone["region"].rsplit("/", 1)[-1])


def test_every_region_listed_can_be_got_and_names_its_zones(call: Client) -> None:
    for region in call("GET", "regions").body["items"]:
        got = call("GET", f"regions/{region['name']}").body
        assert got == region
        assert all(zone.rsplit("/", 1)[-1] in catalogue.zones() for zone in got["zones"])


def test_regions_tell_the_quota_for_l4(call: Client) -> None:
    quotas = {quota["metric"]: quota for quota in call("GET", "regions/us-central1").body["quotas"]}
    assert quotas["NVIDIA_L4_GPUS"]["limit"] == 16.0
    assert quotas["INSTANCES"]["usage"] == 0.0


def test_a_machine_counts_against_the_quotas(call: Client) -> None:
    call.done(call("POST", f"zones/{ZONE}/instances", gpu_instance()))
    project = {quota["metric"]: quota["usage"] for quota in call("GET", "").body["quotas"]}
    region = {quota["metric"]: quota["usage"] for quota in call("GET", "regions/us-central1").body["quotas"]}
    assert project["GPUS_ALL_REGIONS"] == 1.0
    assert (region["INSTANCES"], region["NVIDIA_L4_GPUS"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("name", "gpu", "count", "cpus", "memory_gb"),
    [
        ("g2-standard-4", "nvidia-l4", 1, 4, 16),
        ("g2-standard-96", "nvidia-l4", 8, 96, 384),
        ("a2-highgpu-1g", "nvidia-tesla-a100", 1, 12, 85),
        ("a2-ultragpu-1g", "nvidia-a100-80gb", 1, 12, 170),
        ("a3-highgpu-8g", "nvidia-h100-80gb", 8, 208, 1872),
        ("g4-standard-48", "nvidia-rtx-pro-6000", 1, 48, 180),
    ],
)
def test_machine_types_tell_their_gpus(
    call: Client, name: str, gpu: str, count: int, cpus: int, memory_gb: int
) -> None:
    got = call("GET", f"zones/{ZONE}/machineTypes/{name}").body
    assert got["accelerators"] == [{"guestAcceleratorType": gpu, "guestAcceleratorCount": count}]
    assert (got["guestCpus"], got["memoryMb"]) == (cpus, memory_gb * 1024)


def test_a_machine_type_without_gpu_has_no_accelerators(call: Client) -> None:
    assert "accelerators" not in call("GET", f"zones/{ZONE}/machineTypes/e2-standard-4").body


def test_a_machine_type_is_only_where_its_gpu_is_sold(call: Client) -> None:
    assert call("GET", "zones/asia-east1-a/machineTypes/g2-standard-8").code == 404
    names = {item["name"] for item in call("GET", "zones/asia-east1-a/machineTypes").body["items"]}
    assert "e2-standard-4" in names
    assert "g2-standard-8" not in names


def test_machine_types_of_all_zones_come_by_zone(call: Client) -> None:
    items = call("GET", "aggregated/machineTypes", filter="name=g2-standard-8", maxResults="500").body["items"]
    assert {item["name"] for item in items[f"zones/{ZONE}"]["machineTypes"]} == {"g2-standard-8"}
    assert items["zones/asia-east1-a"]["warning"]["code"] == "NO_RESULTS_ON_PAGE"


def test_accelerator_types_can_be_got_listed_and_aggregated(call: Client) -> None:
    got = call("GET", f"zones/{ZONE}/acceleratorTypes/nvidia-tesla-t4").body
    assert got["maximumCardsPerInstance"] == 4
    assert got in call("GET", f"zones/{ZONE}/acceleratorTypes").body["items"]
    scopes = call("GET", "aggregated/acceleratorTypes").body["items"]
    assert got in scopes[f"zones/{ZONE}"]["acceleratorTypes"]


@pytest.mark.parametrize("path", ["machineTypes/nix", "acceleratorTypes/nix"])
def test_what_a_zone_does_not_have_is_not_found(call: Client, path: str) -> None:
    answer = call("GET", f"zones/{ZONE}/{path}")
    assert answer.code == 404
    assert answer.message == f"The resource 'projects/local/zones/{ZONE}/{path}' was not found"


@pytest.mark.parametrize("path", ["zones/nix", "zones/nix/machineTypes", "zones/nix/instances", "zones/nix/operations"])
def test_an_unknown_zone_is_named(call: Client, path: str) -> None:
    answer = call("GET", path)
    assert (answer.code, answer.reason) == (400, "invalid")
    assert answer.message == "Invalid value for field 'zone': 'nix'. Unknown zone."


def test_an_unknown_region_is_named(call: Client) -> None:
    assert call("GET", "regions/nix").message == "Invalid value for field 'region': 'nix'. Unknown region."


@pytest.mark.parametrize(
    ("project", "family"),
    [
        ("debian-cloud", "debian-12"),
        ("ubuntu-os-cloud", "ubuntu-2204-lts"),
        ("ubuntu-os-cloud", "ubuntu-2404-lts-amd64"),
        ("ubuntu-os-accelerator-images", "ubuntu-accelerator-2204-amd64-with-nvidia-580"),
    ],
)
def test_public_image_families_lead_to_their_image(call: Client, project: str, family: str) -> None:
    image = call("GET", f"global/images/family/{family}", project=project).body
    assert image["family"] == family
    assert call("GET", f"global/images/{image['name']}", project=project).body == image
    assert call("GET", f"zones/{ZONE}/imageFamilyViews/{family}", project=project).body == {"image": image}
    assert image in call("GET", "global/images", project=project).body["items"]


def test_a_family_of_another_project_is_not_found(call: Client) -> None:
    answer = call("GET", "global/images/family/debian-12", project="ubuntu-os-cloud")
    assert answer.message == "The resource 'projects/ubuntu-os-cloud/global/images/family/debian-12' was not found"


def test_an_unknown_image_is_not_found(call: Client) -> None:
    assert call("GET", "global/images/nix", project="debian-cloud").code == 404


def test_there_is_one_network_called_default(call: Client) -> None:
    (network,) = call("GET", "global/networks").body["items"]
    assert network["name"] == "default"
    assert call("GET", "global/networks/default").body == network
    assert call("GET", "global/networks/other").code == 404


def test_pci_ids_are_there_for_every_card() -> None:
    devices = catalogue.pci_devices([{"acceleratorType": "zones/z/acceleratorTypes/nvidia-l4", "acceleratorCount": 2}])
    assert [device["slot"] for device in devices] == ["0000:00:03.0", "0000:00:04.0"]
    assert {(device["vendor"], device["device"]) for device in devices} == {("10de", "27b8")}


def test_every_gpu_of_a_machine_type_is_a_known_accelerator() -> None:
    known = {accelerator.name: accelerator for accelerator in catalogue.ACCELERATORS}
    for shape in catalogue.SHAPES.values():
        assert not shape.gpu or shape.gpus in known[shape.gpu].cards, shape
