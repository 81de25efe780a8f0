"""The cloud as a server on loopback, and Google's own client against it."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.errors import ProvisionError, UsageProblem
from provision.local import LocalCloud, serve
from provision.settings import Folders
from tests.unit.local.conftest import KEY, ZONE, gpu_instance, instance
from tests.unit.local.fake_engine import FakeEngine


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "state", tmp_path / "cache", tmp_path / "config")


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def cloud(folders: Folders, engine: FakeEngine) -> Iterator[LocalCloud]:
    with serve(folders, engine=engine, environment={}) as opened:
        yield opened


def get(cloud: LocalCloud, path: str) -> Any:
    with urllib.request.urlopen(f"{cloud.endpoint}/compute/v1/projects/local/{path}", timeout=5) as answer:
        return json.load(answer)


def post(cloud: LocalCloud, path: str, body: Any) -> Any:
    request = urllib.request.Request(
        f"{cloud.endpoint}/compute/v1/projects/local/{path}", json.dumps(body).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def test_it_answers_on_loopback_for_as_long_as_the_context_lasts(folders: Folders, engine: FakeEngine) -> None:
    with serve(folders, engine=engine) as cloud:
        assert cloud.endpoint.startswith("http://127.0.0.1:")
        assert get(cloud, "zones/us-central1-a")["name"] == "us-central1-a"
    with pytest.raises(urllib.error.URLError):
        get(cloud, "zones")
    assert engine.closed


def test_machines_outlive_the_server(folders: Folders, engine: FakeEngine) -> None:
    with serve(folders, engine=engine) as cloud:
        operation = post(cloud, f"zones/{ZONE}/instances", instance())
        post(cloud, f"zones/{ZONE}/operations/{operation['name']}/wait", {})
    assert len(engine.containers) == 1
    with serve(folders, engine=engine) as cloud:
        assert get(cloud, f"zones/{ZONE}/instances/vm1")["status"] == "RUNNING"


def test_a_server_without_machines_leaves_no_network(folders: Folders, engine: FakeEngine) -> None:
    with serve(folders, engine=engine) as cloud:
        assert cloud.machines.bridge.network().gateway == cloud.caller_address
        assert len(engine.networks) == 1
    assert engine.networks == {}


def test_two_servers_may_serve_one_state_folder(folders: Folders, engine: FakeEngine) -> None:
    with serve(folders, engine=engine) as one, serve(folders, engine=engine) as two:
        operation = post(one, f"zones/{ZONE}/instances", instance())
        assert post(two, f"zones/{ZONE}/operations/{operation['name']}/wait", {})["status"] == "DONE"
        assert get(two, f"zones/{ZONE}/instances/vm1")["status"] == "RUNNING"


def test_a_port_that_is_taken_is_a_usage_problem(folders: Folders, engine: FakeEngine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageProblem, match=f"port {port} is taken"), serve(folders, port, engine):
            raise AssertionError("it must not start")
    assert engine.closed


def test_closing_does_not_wait_for_a_client_that_waits(folders: Folders, engine: FakeEngine) -> None:
    gate = engine.gate("start")
    with serve(folders, engine=engine) as cloud:
        operation = post(cloud, f"zones/{ZONE}/instances", instance())
        engine.entered["start"].wait(5)
        answers: list[Any] = []
        path = f"zones/{ZONE}/operations/{operation['name']}/wait"
        waiting = threading.Thread(target=lambda: answers.append(post(cloud, path, {})))
        waiting.start()
        time.sleep(0.1)
        threading.Timer(0.2, gate.set).start()
        started = time.monotonic()
    assert time.monotonic() - started < 4
    waiting.join(5)


def test_what_a_dead_process_left_is_mended_at_the_start(folders: Folders, engine: FakeEngine) -> None:
    from dataclasses import replace

    with serve(folders, engine=engine) as cloud:
        operation = post(cloud, f"zones/{ZONE}/instances", instance())
        post(cloud, f"zones/{ZONE}/operations/{operation['name']}/wait", {})
        with cloud.store.write() as transaction:
            (row,) = transaction.operations()
            body = {**row.body, "status": "RUNNING"}
            transaction.put_operation(replace(row, owner="999999999@1.gone", done=False, body=body))
    with serve(folders, engine=engine) as cloud:
        mended = post(cloud, f"zones/{ZONE}/operations/{operation['name']}/wait", {})
        assert "ended before it was done" in mended["error"]["errors"][0]["message"]
        assert engine.containers == {}


def test_a_failure_inside_the_context_closes_everything(folders: Folders, engine: FakeEngine) -> None:
    with pytest.raises(ProvisionError, match="mine"), serve(folders, engine=engine) as cloud:
        raise ProvisionError("mine")
    assert engine.closed
    with pytest.raises(urllib.error.URLError):
        get(cloud, "zones")


# Google's own client


@pytest.fixture
def google(cloud: LocalCloud) -> Any:
    """The clients of google-cloud-compute by name, towards the cloud."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import compute_v1

    class Clients:
        types = compute_v1

        def __getattr__(self, name: str) -> Any:
            options = {"api_endpoint": cloud.endpoint}
            return getattr(compute_v1, name)(credentials=AnonymousCredentials(), client_options=options)

        def wait(self, operation: Any) -> Any:
            while operation.status != compute_v1.Operation.Status.DONE:
                where = {"project": "local", "operation": operation.name}
                if operation.zone:
                    operation = self.ZoneOperationsClient.wait(
                        zone=operation.zone.rsplit("/", 1)[-1], **where, timeout=10
                    )
                else:
                    operation = self.GlobalOperationsClient.wait(**where, timeout=10)
            return operation

    return Clients()


def test_googles_client_creates_reads_and_deletes_a_gpu_machine(google: Any, engine: FakeEngine) -> None:
    types = google.types
    wanted = types.Instance(
        name="vm1",
        machine_type=f"zones/{ZONE}/machineTypes/g2-standard-8",
        disks=[
            types.AttachedDisk(
                boot=True,
                auto_delete=True,
                initialize_params=types.AttachedDiskInitializeParams(
                    source_image="projects/ubuntu-os-cloud/global/images/family/ubuntu-2204-lts", disk_size_gb=200
                ),
            )
        ],
        network_interfaces=[types.NetworkInterface(access_configs=[types.AccessConfig(name="External NAT")])],
        scheduling=types.Scheduling(
            on_host_maintenance="TERMINATE",
            max_run_duration=types.Duration(seconds=3600),
            instance_termination_action="STOP",
        ),
        metadata=types.Metadata(
            items=[types.Items(key="ssh-keys", value=KEY), types.Items(key="enable-guest-attributes", value="TRUE")]
        ),
        labels={"provision": "yes"},
    )
    instances = google.InstancesClient
    inserted = google.wait(instances.insert_unary(project="local", zone=ZONE, instance_resource=wanted))
    assert not inserted.error.errors
    got = instances.get(project="local", zone=ZONE, instance="vm1")
    assert (got.status, got.disks[0].disk_size_gb, got.scheduling.max_run_duration.seconds) == ("RUNNING", 200, 3600)
    assert (
        got.network_interfaces[0].access_configs[0].nat_i_p == engine.containers[next(iter(engine.containers))].address
    )
    assert got.guest_accelerators[0].accelerator_count == 1
    request = types.AggregatedListInstancesRequest(project="local", filter="labels.provision=yes AND status=RUNNING")
    found = {zone: [item.name for item in scope.instances] for zone, scope in instances.aggregated_list(request)}
    assert found[f"zones/{ZONE}"] == ["vm1"]
    query = types.GetGuestAttributesInstanceRequest(project="local", zone=ZONE, instance="vm1", query_path="hostkeys/")
    assert instances.get_guest_attributes(query).query_value.items[0].key == "ssh-ed25519"
    google.wait(instances.delete_unary(project="local", zone=ZONE, instance="vm1"))
    assert engine.containers == {}


def test_googles_client_sees_a_stockout_with_its_details(google: Any, cloud: LocalCloud) -> None:
    cloud.order_fault("stockout", ZONE, zonesAvailable=["us-central1-b"])
    types = google.types
    wanted = types.Instance.from_json(json.dumps(gpu_instance()))
    operation = google.wait(google.InstancesClient.insert_unary(project="local", zone=ZONE, instance_resource=wanted))
    (error,) = operation.error.errors
    assert (error.code, operation.http_error_status_code) == ("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", 503)
    assert error.error_details[0].error_info.metadatas["zonesAvailable"] == "us-central1-b"


def test_googles_client_gets_googles_exceptions(google: Any) -> None:
    from google.api_core import exceptions

    with pytest.raises(exceptions.NotFound, match="was not found"):
        google.InstancesClient.get(project="local", zone=ZONE, instance="nix")
    with pytest.raises(exceptions.BadRequest, match="Unknown zone") as refusal:
        google.InstancesClient.get(project="local", zone="nix", instance="nix")
    assert refusal.value.errors[0]["reason"] == "invalid"
    rule = google.types.Firewall(name="a", allowed=[google.types.Allowed(I_p_protocol="tcp", ports=["22"])])
    google.wait(google.FirewallsClient.insert_unary(project="local", firewall_resource=rule))
    with pytest.raises(exceptions.Conflict, match="already exists"):
        google.FirewallsClient.insert_unary(project="local", firewall_resource=rule)
