"""Instances over the API: what is asked of Docker, what the documents say, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provision.errors import ProvisionError
from tests.unit.local.conftest import KEY, ZONE, Client, World, gpu_instance, instance, rule

PATH = f"zones/{ZONE}/instances"


# Creating


def test_an_insert_answers_at_once_and_ends_with_a_running_machine(world: World) -> None:
    gate = world.engine.gate("start")
    call = world.client
    answer = call("POST", PATH, instance())
    assert (answer.body["status"], answer.body["operationType"]) == ("RUNNING", "insert")
    assert world.engine.entered["start"].wait(5)
    assert call("GET", f"{PATH}/vm1").body["status"] == "STAGING"
    gate.set()
    operation = call.done(answer)
    assert (operation["progress"], "error" in operation) == (100, False)
    assert call("GET", f"{PATH}/vm1").body["status"] == "RUNNING"


def test_a_machine_gets_one_address_inside_and_outside(call: Client, world: World) -> None:
    (interface,) = call.create()["networkInterfaces"]
    container = world.engine.containers[world.container()]
    assert interface["networkIP"] == interface["accessConfigs"][0]["natIP"] == container.address


def test_without_access_config_there_is_no_outside_address(call: Client) -> None:
    body = call.create(networkInterfaces=[{"network": "global/networks/default"}])
    assert "accessConfigs" not in body["networkInterfaces"][0]
    assert body["networkInterfaces"][0]["networkIP"]


def test_the_container_has_volumes_where_much_is_written(call: Client, world: World) -> None:
    call.create()
    container = world.engine.containers[world.container()]
    assert set(container.volumes.values()) == {"/var/cache", "/var/lib/docker", "/opt", "/var/lib/moshi-server"}
    assert all(volume.startswith(container.name) for volume in container.volumes)
    assert (container.hostname, container.owner) == ("vm1", world.machines.owner)


def test_metadata_and_firewall_are_in_the_machine_before_it_starts(call: Client, world: World) -> None:
    call.create()
    calls = world.engine.calls
    assert calls.index("create") < calls.index("write") < calls.index("start")
    files = world.engine.files[world.container()]
    assert json.loads(files["/etc/provision-machine/metadata.json"].text)["ssh-keys"] == KEY
    assert files["/etc/provision-machine/metadata.json"].mode == 0o600
    assert "counter drop" in files["/etc/provision-machine/firewall.nft"].text


def test_a_gpu_machine_records_its_accelerator_and_pci_ids(call: Client, world: World) -> None:
    call.done(call("POST", PATH, gpu_instance()))
    body = call("GET", f"{PATH}/vm1").body
    assert body["guestAccelerators"][0]["acceleratorCount"] == 1
    assert body["guestAccelerators"][0]["acceleratorType"].endswith(f"zones/{ZONE}/acceleratorTypes/nvidia-l4")
    (device,) = json.loads(world.engine.files[world.container()]["/etc/provision-machine/pci.json"].text)
    assert (device["vendor"], device["device"]) == ("10de", "27b8")


def test_a_machine_without_gpu_has_no_pci_ids(call: Client, world: World) -> None:
    call.create()
    assert json.loads(world.engine.files[world.container()]["/etc/provision-machine/pci.json"].text) == []


def test_naming_the_gpu_of_the_machine_type_again_is_allowed(call: Client) -> None:
    again = [{"acceleratorType": f"zones/{ZONE}/acceleratorTypes/nvidia-l4", "acceleratorCount": 1}]
    assert call("POST", PATH, gpu_instance(guestAccelerators=again)).code == 200


def test_an_n1_machine_takes_a_t4(call: Client) -> None:
    wanted = gpu_instance(
        machineType=f"zones/{ZONE}/machineTypes/n1-standard-4",
        guestAccelerators=[
            {"acceleratorType": f"zones/{ZONE}/acceleratorTypes/nvidia-tesla-t4", "acceleratorCount": 1}
        ],
    )
    assert call("POST", PATH, wanted).code == 200


def test_spot_machines_are_preemptible_and_stop_when_taken(call: Client) -> None:
    scheduling = {"provisioningModel": "SPOT", "onHostMaintenance": "TERMINATE", "automaticRestart": False}
    got = call.create(scheduling=scheduling)["scheduling"]
    assert (got["preemptible"], got["provisioningModel"], got["instanceTerminationAction"]) == (True, "SPOT", "STOP")


def test_the_upper_bound_on_cost_is_kept(call: Client) -> None:
    scheduling = {"maxRunDuration": {"seconds": "3600"}, "instanceTerminationAction": "DELETE"}
    got = call.create(scheduling=scheduling)["scheduling"]
    assert got["maxRunDuration"] == {"seconds": "3600"}
    assert (got["onHostMaintenance"], got["automaticRestart"]) == ("MIGRATE", True)


def test_a_family_view_of_a_zone_is_an_image_too(call: Client) -> None:
    url = "https://compute.googleapis.com/compute/v1/projects/debian-cloud/zones/-/imageFamilyViews/debian-12"
    disks = [{"boot": True, "initializeParams": {"sourceImage": url}}]
    assert call("POST", PATH, instance(disks=disks)).code == 200


def test_the_disk_size_asked_for_is_told_back(call: Client) -> None:
    parameters = {"sourceImage": "projects/debian-cloud/global/images/family/debian-12", "diskSizeGb": "200"}
    (disk,) = call.create(disks=[{"boot": True, "initializeParams": parameters}])["disks"]
    assert (disk["diskSizeGb"], disk["boot"]) == ("200", True)


def test_machines_in_two_zones_may_have_one_name(call: Client, world: World) -> None:
    call.create("vm1")
    call.create("vm1", "us-central1-b")
    assert len(world.engine.containers) == 2


def test_every_machine_has_an_address_of_its_own(call: Client) -> None:
    addresses = {call.create(f"vm{n}")["networkInterfaces"][0]["networkIP"] for n in range(4)}
    assert len(addresses) == 4


def test_progress_is_told_while_the_image_is_built(world: World) -> None:
    gate = world.engine.gate("build")
    answer = world.client("POST", PATH, instance())
    assert world.engine.entered["build"].wait(5)
    link = answer.body["selfLink"].partition("projects/local/")[2]
    told = world.client("GET", link).body
    assert 0 < told["progress"] < 100
    assert "building the base image" in told["statusMessage"]
    gate.set()
    assert world.client.done(answer)["status"] == "DONE"


# Refusals


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"name": "Upper"}, 400, "Invalid value for field 'resource.name': 'Upper'. Must be a match of regex"),
        ({"name": "-x"}, 400, "'resource.name': '-x'"),
        ({"name": "x" * 64}, 400, "'resource.name'"),
        ({"machineType": ""}, 400, "The URL is malformed."),
        (
            {"machineType": f"zones/{ZONE}/machineTypes/nix"},
            400,
            f"Machine type with name 'nix' does not exist in zone '{ZONE}'.",
        ),
        ({"machineType": "zones/us-east1-b/machineTypes/e2-medium"}, 400, "must be in the zone"),
        ({"disks": []}, 400, "No disks are specified."),
        ({"disks": [{"source": "zones/z/disks/d"}]}, 400, "Boot disk must be specified."),
        ({"disks": [{"boot": True, "initializeParams": {"sourceImage": "nix"}}]}, 400, "The URL is malformed."),
        (
            {"disks": [{"boot": True, "initializeParams": {"sourceImage": "projects/p/global/images/nix"}}]},
            400,
            "The referenced image resource cannot be found.",
        ),
        ({"networkInterfaces": [{"network": "global/networks/other"}]}, 400, "network resource cannot be found"),
        ({"networkInterfaces": [{}, {}]}, 400, "one network"),
        ({"labels": {"Upper": "x"}}, 400, "'resource.labels': 'Upper'"),
        ({"labels": {"x": "Y Z"}}, 400, "'resource.labels': 'Y Z'"),
        ({"tags": {"items": ["a b"]}}, 400, "'resource.tags.items': 'a b'"),
        ({"metadata": {"items": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}}, 400, "duplicate key: a"),
        ({"metadata": {"items": [{"key": "a b", "value": "1"}]}}, 400, "resource.metadata.items.key"),
        ({"scheduling": {"provisioningModel": "SPOT", "automaticRestart": True}}, 400, "AutomaticRestart"),
        ({"scheduling": {"maxRunDuration": {"seconds": "60"}}}, 400, "instance termination action"),
    ],
)
def test_what_google_refuses_is_refused_in_its_words(
    call: Client, world: World, fields: dict[str, Any], code: int, text: str
) -> None:
    answer = call("POST", PATH, instance(**fields))
    assert answer.code == code
    assert text in answer.message
    assert world.engine.containers == {}
    assert call("GET", PATH).body["items"] == []


def test_a_gpu_does_not_migrate(call: Client) -> None:
    answer = call("POST", PATH, gpu_instance(scheduling={"onHostMaintenance": "MIGRATE"}))
    assert answer.code == 400
    assert "do not support live migration" in answer.message
    assert call("POST", PATH, gpu_instance(scheduling={})).code == 400


@pytest.mark.parametrize(
    ("machine", "gpu", "count", "text"),
    [
        ("n1-standard-4", "nix", 1, "Accelerator type with name 'nix' does not exist in zone"),
        ("n1-standard-4", "nvidia-tesla-t4", 3, "The number of GPUs must be one of"),
        ("n1-standard-4", "nvidia-l4", 1, "not compatible"),
        ("e2-standard-4", "nvidia-tesla-t4", 1, "not compatible"),
        ("g2-standard-8", "nvidia-tesla-t4", 1, "takes no other accelerators"),
        ("g2-standard-8", "nvidia-l4", 2, "takes no other accelerators"),
    ],
)
def test_gpus_that_do_not_fit_are_refused(call: Client, machine: str, gpu: str, count: int, text: str) -> None:
    wanted = gpu_instance(
        machineType=f"zones/{ZONE}/machineTypes/{machine}",
        guestAccelerators=[{"acceleratorType": f"zones/{ZONE}/acceleratorTypes/{gpu}", "acceleratorCount": count}],
    )
    answer = call("POST", PATH, wanted)
    assert answer.code == 400
    assert text in answer.message


def test_a_gpu_that_the_zone_does_not_sell_is_an_unknown_machine_type(call: Client) -> None:
    zone = "asia-east1-a"
    answer = call("POST", f"zones/{zone}/instances", gpu_instance(zone=zone))
    assert "'g2-standard-8' does not exist in zone 'asia-east1-a'" in answer.message


def test_a_disk_smaller_than_its_image_is_refused(call: Client) -> None:
    parameters = {"sourceImage": "projects/debian-cloud/global/images/family/debian-12", "diskSizeGb": "5"}
    answer = call("POST", PATH, instance(disks=[{"boot": True, "initializeParams": parameters}]))
    assert "cannot be smaller than the image size (10 GB)" in answer.message


def test_a_name_that_is_taken_is_a_conflict(call: Client) -> None:
    call.create()
    answer = call("POST", PATH, instance())
    assert (answer.code, answer.reason) == (409, "alreadyExists")
    assert answer.message == f"The resource 'projects/local/zones/{ZONE}/instances/vm1' already exists"


def test_what_is_not_there_is_not_found(call: Client) -> None:
    for method, path in (
        ("GET", f"{PATH}/nix"),
        ("DELETE", f"{PATH}/nix"),
        ("POST", f"{PATH}/nix/start"),
        ("GET", f"{PATH}/nix/serialPort"),
        ("GET", f"{PATH}/nix/getGuestAttributes"),
    ):
        answer = call(method, path)
        assert (answer.code, answer.reason) == (404, "notFound")
        assert answer.message == f"The resource 'projects/local/zones/{ZONE}/instances/nix' was not found"


def test_a_protected_machine_is_not_deleted(call: Client) -> None:
    call.create(deletionProtection=True)
    assert "protected against deletion" in call("DELETE", f"{PATH}/vm1").message
    assert call("GET", f"{PATH}/vm1").body["status"] == "RUNNING"


# Failures on the way


def test_a_failed_creation_tells_why_and_leaves_nothing(world: World) -> None:
    world.engine.failures["start"] = ProvisionError("Docker could not start it", "no space left", "docker system df")
    operation = world.client.done(world.client("POST", PATH, instance()))
    (error,) = operation["error"]["errors"]
    assert (error["code"], operation["httpErrorStatusCode"]) == ("INTERNAL_ERROR", 500)
    assert error["message"] == "Docker could not start it: no space left"
    assert error["errorDetails"][0]["help"]["links"][0]["description"] == "docker system df"
    assert world.client("GET", f"{PATH}/vm1").code == 404
    assert world.engine.containers == {}
    with world.store.read() as transaction:
        assert transaction.addresses() == frozenset()


def test_a_machine_that_goes_off_while_it_boots_is_a_failure(world: World) -> None:
    world.engine.dies_at_boot = True
    operation = world.client.done(world.client("POST", PATH, instance()))
    assert "the machine vm1 went off while it booted" in operation["error"]["errors"][0]["message"]
    assert world.engine.containers == {}


def test_a_bug_in_a_worker_is_seen_in_the_operation(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(world.engine, "create", broken)
    operation = world.client.done(world.client("POST", PATH, instance()))
    assert operation["error"]["errors"][0]["message"] == "instances.insert failed: RuntimeError: a bug"


def test_a_failure_while_taking_back_is_told_too(world: World) -> None:
    world.engine.failures["create"] = ProvisionError("first", "one")
    gate = world.engine.gate("create")
    answer = world.client("POST", PATH, instance())
    assert world.engine.entered["create"].wait(5)
    world.engine.failures["remove"] = ProvisionError("second", "two")
    gate.set()
    assert world.client.done(answer)["error"]["errors"][0]["message"] == "first: one; and then: second: two"


def test_after_a_failure_the_same_request_works(world: World) -> None:
    world.engine.failures["create"] = ProvisionError("no", "why")
    world.client.done(world.client("POST", PATH, instance()))
    del world.engine.failures["create"]
    assert world.client.create()["status"] == "RUNNING"


# Idempotence


def test_the_same_request_id_is_the_same_operation(call: Client, world: World) -> None:
    key = "5a35a9a6-2d8a-4d2d-9d0e-000000000001"
    first = call("POST", PATH, instance(), requestId=key)
    second = call("POST", PATH, instance(), requestId=key)
    assert second.body["name"] == first.body["name"]
    call.done(first)
    assert world.engine.calls.count("create") == 1


@pytest.mark.parametrize("key", ["00000000-0000-0000-0000-000000000000", "nix"])
def test_a_request_id_must_be_a_uuid_other_than_zero(call: Client, key: str) -> None:
    assert "requestId" in call("POST", PATH, instance(), requestId=key).message


# Its life


def test_stop_and_start_keep_address_and_container(call: Client, world: World) -> None:
    before = call.create()
    call.done(call("POST", f"{PATH}/vm1/stop"))
    stopped = call("GET", f"{PATH}/vm1").body
    assert stopped["status"] == "TERMINATED"
    assert stopped["lastStopTimestamp"] >= before["lastStartTimestamp"]
    call.done(call("POST", f"{PATH}/vm1/start"))
    after = call("GET", f"{PATH}/vm1").body
    assert (after["status"], after["networkInterfaces"]) == ("RUNNING", before["networkInterfaces"])
    assert world.engine.calls.count("create") == 1


def test_reset_restarts_a_running_machine_only(call: Client, world: World) -> None:
    call.create()
    call.done(call("POST", f"{PATH}/vm1/reset"))
    assert world.engine.calls.count("restart") == 1
    call.done(call("POST", f"{PATH}/vm1/stop"))
    world.machines.settle(ZONE, "vm1")
    assert call("POST", f"{PATH}/vm1/reset").reason == "resourceNotReady"


def test_a_machine_switched_off_from_inside_is_terminated(call: Client, world: World) -> None:
    call.create()
    world.engine.running[world.container()] = False
    assert call("GET", f"{PATH}/vm1").body["status"] == "TERMINATED"
    assert [item["status"] for item in call("GET", PATH).body["items"]] == ["TERMINATED"]


def test_an_operation_that_fails_leaves_the_status_that_is_true(world: World) -> None:
    world.client.create()
    world.engine.failures["stop"] = ProvisionError("Docker does not want to")
    operation = world.client.done(world.client("POST", f"{PATH}/vm1/stop"))
    assert operation["error"]["errors"][0]["message"] == "Docker does not want to"
    assert world.client("GET", f"{PATH}/vm1").body["status"] == "RUNNING"


def test_delete_takes_machine_address_and_network_along(call: Client, world: World) -> None:
    call.create()
    assert call.done(call("DELETE", f"{PATH}/vm1"))["operationType"] == "delete"
    assert call("GET", f"{PATH}/vm1").code == 404
    assert (world.engine.containers, world.engine.networks) == ({}, {})
    with world.store.read() as transaction:
        assert transaction.addresses() == frozenset()


def test_the_network_stays_while_another_machine_lives(call: Client, world: World) -> None:
    call.create("vm1")
    call.create("vm2")
    call.done(call("DELETE", f"{PATH}/vm1"))
    assert len(world.engine.networks) == 1


def test_a_new_machine_does_not_get_the_address_of_the_last_one(call: Client) -> None:
    call.create("vm2")
    first = call.create("vm1")["networkInterfaces"][0]["networkIP"]
    call.done(call("DELETE", f"{PATH}/vm1"))
    assert call.create("vm1")["networkInterfaces"][0]["networkIP"] != first


# Metadata, labels, tags


def test_set_metadata_reaches_the_machine_and_its_accounts(call: Client, world: World) -> None:
    fingerprint = call.create()["metadata"]["fingerprint"]
    items = [{"key": "ssh-keys", "value": "other:ssh-ed25519 AAAA x"}]
    call.done(call("POST", f"{PATH}/vm1/setMetadata", {"fingerprint": fingerprint, "items": items}))
    assert call("GET", f"{PATH}/vm1").body["metadata"]["items"] == items
    written = json.loads(world.engine.files[world.container()]["/etc/provision-machine/metadata.json"].text)
    assert written == {"ssh-keys": "other:ssh-ed25519 AAAA x"}
    assert (world.container(), ("/usr/local/sbin/provision-machine", "accounts")) in world.engine.commands


def test_metadata_of_a_stopped_machine_waits_for_its_start(call: Client, world: World) -> None:
    fingerprint = call.create()["metadata"]["fingerprint"]
    call.done(call("POST", f"{PATH}/vm1/stop"))
    world.engine.commands.clear()
    call.done(call("POST", f"{PATH}/vm1/setMetadata", {"fingerprint": fingerprint, "items": []}))
    assert world.engine.commands == []
    call.done(call("POST", f"{PATH}/vm1/start"))
    assert world.engine.files[world.container()]["/etc/provision-machine/metadata.json"].text == "{}"


def test_an_agent_that_fails_fails_the_operation(call: Client, world: World) -> None:
    fingerprint = call.create()["metadata"]["fingerprint"]
    world.engine.command_results["/usr/local/sbin/provision-machine"] = (1, "useradd: no")
    operation = call.done(call("POST", f"{PATH}/vm1/setMetadata", {"fingerprint": fingerprint, "items": []}))
    assert "vm1 did not take its accounts" in operation["error"]["errors"][0]["message"]
    assert "useradd: no" in operation["error"]["errors"][0]["message"]


@pytest.mark.parametrize(
    ("verb", "body", "text"),
    [
        ("setMetadata", {"items": []}, "metadata"),
        ("setTags", {"items": []}, "tags"),
        ("setLabels", {"labels": {}}, "abels"),
    ],
)
def test_without_the_current_fingerprint_nothing_is_changed(
    call: Client, verb: str, body: dict[str, Any], text: str
) -> None:
    before = call.create()
    field = "labelFingerprint" if verb == "setLabels" else "fingerprint"
    missing = call("POST", f"{PATH}/vm1/{verb}", body)
    stale = call("POST", f"{PATH}/vm1/{verb}", {**body, field: "c3RhbGU="})
    assert [(answer.code, answer.reason) for answer in (missing, stale)] == [(412, "conditionNotMet")] * 2
    assert text in stale.message
    assert call("GET", f"{PATH}/vm1").body == before


def test_a_fingerprint_changes_with_its_content(call: Client) -> None:
    before = call.create()["labelFingerprint"]
    call.done(call("POST", f"{PATH}/vm1/setLabels", {"labelFingerprint": before, "labels": {"a": "b"}}))
    after = call("GET", f"{PATH}/vm1").body
    assert (after["labels"], after["labelFingerprint"] == before) == ({"a": "b"}, False)


def test_tags_open_and_close_ports(call: Client, world: World) -> None:
    call.done(call("POST", "global/firewalls", rule(targetTags=["web"])))
    fingerprint = call.create()["tags"]["fingerprint"]
    assert "dport" not in world.firewall_of()
    call.done(call("POST", f"{PATH}/vm1/setTags", {"fingerprint": fingerprint, "items": ["web"]}))
    assert "tcp dport { 22 }" in world.firewall_of()
    assert (world.container(), ("nft", "-f", "/etc/provision-machine/firewall.nft")) in world.engine.commands


# Lists


def test_lists_are_filtered_and_paged(call: Client) -> None:
    for n in range(3):
        call.create(f"vm{n}", labels={"provision": "yes" if n else "no"})
    found = call("GET", PATH, filter="labels.provision=yes AND status=RUNNING").body["items"]
    assert [item["name"] for item in found] == ["vm1", "vm2"]
    first = call("GET", PATH, maxResults="2").body
    second = call("GET", PATH, maxResults="2", pageToken=first["nextPageToken"]).body
    assert [item["name"] for item in first["items"] + second["items"]] == ["vm0", "vm1", "vm2"]
    assert "nextPageToken" not in second


def test_aggregated_lists_come_by_zone_and_page_over_all(call: Client) -> None:
    call.create("vm1")
    call.create("vm2", "europe-west4-a")
    whole = call("GET", "aggregated/instances").body["items"]
    assert [item["name"] for item in whole[f"zones/{ZONE}"]["instances"]] == ["vm1"]
    assert whole["zones/us-east1-b"]["warning"]["code"] == "NO_RESULTS_ON_PAGE"
    names, token = [], ""
    while True:
        body = call("GET", "aggregated/instances", maxResults="1", pageToken=token).body
        names += [item["name"] for scope in body["items"].values() for item in scope.get("instances", [])]
        token = body.get("nextPageToken", "")
        if not token:
            break
    assert names == ["vm1", "vm2"]


# Console and guest attributes


def test_the_serial_port_goes_on_where_the_reader_stopped(call: Client) -> None:
    call.create()
    first = call("GET", f"{PATH}/vm1/serialPort", port="1", start="0").body
    assert "Started ssh.service" in first["contents"]
    assert first["next"] == str(len(first["contents"]))
    assert call("GET", f"{PATH}/vm1/serialPort", start=first["next"]).body["contents"] == ""
    assert call("GET", f"{PATH}/vm1/serialPort", start="-4").body["contents"] == "12\r\n"
    assert call("GET", f"{PATH}/vm1/serialPort", start="nix").code == 400


def test_host_keys_are_published_as_guest_attributes(call: Client) -> None:
    call.create()
    got = call("GET", f"{PATH}/vm1/getGuestAttributes", queryPath="hostkeys/").body
    (item,) = got["queryValue"]["items"]
    assert (item["namespace"], item["key"]) == ("hostkeys", "ssh-ed25519")
    assert item["value"].startswith("AAAAC3")


def test_one_guest_attribute_can_be_asked_for(call: Client) -> None:
    call.create()
    got = call("GET", f"{PATH}/vm1/getGuestAttributes", queryPath="hostkeys/ssh-ed25519").body
    assert len(got["queryValue"]["items"]) == 1


def test_before_the_boot_there_are_no_guest_attributes(call: Client) -> None:
    call.create()
    call.done(call("POST", f"{PATH}/vm1/stop"))
    answer = call("GET", f"{PATH}/vm1/getGuestAttributes", queryPath="hostkeys/")
    assert answer.code == 404
    assert answer.message == "The resource 'hostkeys/' of type 'Guest Attribute' was not found."


def test_guest_attributes_are_told_only_where_they_are_switched_on(call: Client) -> None:
    call.create(metadata={"items": []})
    assert call("GET", f"{PATH}/vm1/getGuestAttributes", queryPath="hostkeys/").code == 404


# Bad luck on order


def test_a_stockout_fails_late_in_googles_shape_and_only_as_often_as_ordered(world: World) -> None:
    world.order("stockout", ZONE)
    operation = world.client.done(world.client("POST", PATH, gpu_instance()))
    (error,) = operation["error"]["errors"]
    assert (error["code"], operation["httpErrorStatusCode"]) == ("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", 503)
    info = error["errorDetails"][0]["errorInfo"]
    assert info["metadatas"]["vmType"] == "g2-standard-8"
    assert info["metadatas"]["attachment"] == "nvidia-l4:1"
    assert info["metadatas"]["zonesAvailable"] == "us-central1-b,us-central1-c,us-central1-f"
    assert world.client("GET", f"{PATH}/vm1").code == 404
    assert world.client.done(world.client("POST", PATH, gpu_instance()))["progress"] == 100
    assert world.client("GET", f"{PATH}/vm1").body["status"] == "RUNNING"


def test_a_stockout_of_another_zone_does_not_matter_here(world: World) -> None:
    world.order("stockout", "us-east1-b")
    assert world.client.create()["status"] == "RUNNING"


def test_an_http_fault_refuses_before_anything_is_done(world: World) -> None:
    world.order("http", "POST", code=503)
    refused = world.client("POST", PATH, instance())
    assert (refused.code, refused.reason) == (503, "backendError")
    assert world.client("GET", PATH).body["items"] == []
    assert world.client.create()["status"] == "RUNNING"


def test_too_many_requests_have_their_own_reason(world: World) -> None:
    world.order("http", code=429)
    assert world.client("GET", PATH).reason == "rateLimitExceeded"


def test_a_bad_host_key_is_another_one_of_the_same_shape(world: World) -> None:
    world.client.create()
    path = f"{PATH}/vm1/getGuestAttributes"
    true = world.client("GET", path, queryPath="hostkeys/").body["queryValue"]["items"][0]["value"]
    world.order("bad-host-key", "vm1")
    false = world.client("GET", path, queryPath="hostkeys/").body["queryValue"]["items"][0]["value"]
    assert (len(false), false == true) == (len(true), False)


def test_a_slow_boot_takes_as_long_as_ordered(world: World) -> None:
    world.order("slow-boot", "vm1", seconds=0)
    assert world.client.create()["status"] == "RUNNING"
    with world.store.write() as transaction:
        assert transaction.strike("slow-boot", ("vm1",)) is None
