"""What the app does with requests that no handler gets to see, and with failures of the handlers."""

from __future__ import annotations

import json

import pytest

from provision.errors import Unreachable
from provision.local.api.app import IMAGE_ROUTES, ROUTES
from tests.unit.local import discovery
from tests.unit.local.asgi import as_json
from tests.unit.local.conftest import ZONE, World

BASE = "/compute/v1/projects/local"


@pytest.mark.parametrize("body", [b"{", b"nix", b"[1]", b'"text"', b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(world: World, body: bytes) -> None:
    code, answer = as_json(world.client.http.request("POST", f"{BASE}/zones/{ZONE}/instances", body))
    assert code == 400
    assert "Invalid JSON payload received" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", f"{BASE}/zones/{ZONE}/disks", 404),
        ("GET", "/", 404),
        ("POST", f"{BASE}/global/networks", 501),
        ("POST", f"{BASE}/zones/{ZONE}/instances/vm1/attachDisk", 501),
        ("DELETE", f"{BASE}/zones/{ZONE}", 501),
    ],
)
def test_what_the_local_cloud_does_not_know_is_said_so_in_googles_shape(
    world: World, method: str, path: str, code: int
) -> None:
    got, answer = as_json(world.client.http.request(method, path))
    assert got == code
    assert answer["error"]["code"] == code
    assert answer["error"]["message"] == f"The local cloud does not know {method} {path}"


def test_waiting_in_another_project_is_not_found(world: World) -> None:
    code, _ = as_json(world.client.http.request("POST", f"/compute/v1/projects/nix/zones/{ZONE}/operations/x/wait"))
    assert code == 404


def test_docker_gone_meanwhile_is_told_with_what_to_do(world: World) -> None:
    world.engine.failures["states"] = Unreachable("Docker could not list", "connection refused", "docker info")
    answer = world.client("GET", f"zones/{ZONE}/instances")
    assert (answer.code, answer.message) == (503, "Docker could not list: connection refused: docker info")


def test_every_route_is_a_method_of_googles_api() -> None:
    for method, path, _ in (*ROUTES, *IMAGE_ROUTES):
        whole = f"projects/p/{path}".replace("{zone}", "z").replace("{region}", "r").replace("{name}", "n")
        assert discovery.method(method, whole) is not None, (method, path)


def test_the_judge_finds_what_is_wrong() -> None:
    wrong = {
        "id": 5,
        "name": 7,
        "nix": 1,
        "status": "SLEEPING",
        "disks": [{"boot": "yes"}],
        "labels": {"a": 1},
        "tags": [],
    }
    assert sorted(fault.split(":")[0] for fault in discovery.faults("Instance", wrong)) == [
        "Instance.disks[0].boot",
        "Instance.id",
        "Instance.labels.a",
        "Instance.name",
        "Instance.nix",
        "Instance.status",
        "Instance.tags",
    ]
    assert discovery.faults("Instance", {"id": "5", "name": "x"}) == []


def test_error_documents_carry_code_message_and_reason(world: World) -> None:
    code, answer = as_json(world.client.http.request("GET", f"{BASE}/global/firewalls/nix"))
    assert json.loads(json.dumps(answer)) == {
        "error": {
            "code": 404,
            "status": "NOT_FOUND",
            "message": "The resource 'projects/local/global/firewalls/nix' was not found",
            "errors": [
                {
                    "message": "The resource 'projects/local/global/firewalls/nix' was not found",
                    "domain": "global",
                    "reason": "notFound",
                }
            ],
        }
    }
    assert code == 404
