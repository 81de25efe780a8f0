"""Google's own command line against the local cloud: the client whose requests nobody here has written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.errors import ProvisionError
from provision.local import LocalCloud, serve
from provision.local.docker_engine import connect
from provision.local.upkeep import gcloud_settings
from provision.settings import Folders
from tests.docker.local_machines import ZONE
from tests.docker.test_local_machines import left_of

pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed"),
]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    root = tmp_path_factory.mktemp("gcloud")
    try:
        connect().close()
    except ProvisionError as problem:
        pytest.skip(f"{problem.what}: {problem.why}")
    with serve(Folders(root / "state", root / "cache", root / "config")) as opened:
        try:
            yield opened
        finally:
            opened.machines.remove_everything()
            assert left_of(opened) == []


@pytest.fixture
def gcloud(cloud: LocalCloud, tmp_path: Path) -> Any:
    """Runs `gcloud compute ...` and gives what it prints as JSON."""
    environment = {
        **os.environ,
        **gcloud_settings(cloud.endpoint),
        "CLOUDSDK_CONFIG": str(tmp_path),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
    }

    def run(*words: str, fails: bool = False) -> Any:
        command = ["gcloud", "compute", *words, "--format=json"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
        assert (done.returncode != 0) is fails, done.stderr
        return done.stderr if fails else json.loads(done.stdout or "null")

    return run


def names(listed: list[dict[str, Any]]) -> set[str]:
    return {str(item["name"]) for item in listed}


def test_gcloud_reads_what_is_on_offer(gcloud: Any) -> None:
    (shape,) = gcloud("machine-types", "list", "--zones", ZONE, "--filter", "name=g2-standard-8")
    assert shape["accelerators"] == [{"guestAcceleratorCount": 1, "guestAcceleratorType": "nvidia-l4"}]
    assert names(gcloud("accelerator-types", "list", "--filter", f"zone:{ZONE} AND name=nvidia-l4")) == {"nvidia-l4"}
    assert gcloud("images", "describe-from-family", "debian-12", "--project", "debian-cloud")["status"] == "READY"
    assert gcloud("regions", "describe", "us-central1")["quotas"]
    assert gcloud("project-info", "describe")["name"] == "local"


def test_gcloud_leads_a_machine_through_its_life(gcloud: Any) -> None:
    here = ("--zone", ZONE)
    image = ("--image-family", "ubuntu-2204-lts", "--image-project", "ubuntu-os-cloud")
    shape = ("--machine-type", "g2-standard-8", "--maintenance-policy", "TERMINATE")
    switches = ("--metadata", "enable-guest-attributes=TRUE", "--labels", "a=b", "--tags", "web")
    (made,) = gcloud("instances", "create", "vm1", *here, *shape, *image, *switches, "--boot-disk-size", "100GB")
    assert (made["status"], made["disks"][0]["diskSizeGb"]) == ("RUNNING", "100")
    assert names(gcloud("instances", "list", "--filter", "labels.a=b AND status=RUNNING")) == {"vm1"}
    assert gcloud("instances", "list", "--filter", "labels.a=c") == []
    gcloud("instances", "add-metadata", "vm1", *here, "--metadata", "x=y")
    gcloud("instances", "add-labels", "vm1", *here, "--labels", "c=d")
    gcloud("instances", "add-tags", "vm1", *here, "--tags", "ssh")
    got = gcloud("instances", "describe", "vm1", *here)
    assert (got["labels"], got["tags"]["items"]) == ({"a": "b", "c": "d"}, ["ssh", "web"])
    assert {"key": "x", "value": "y"} in got["metadata"]["items"]
    gcloud("instances", "stop", "vm1", *here)
    assert gcloud("instances", "describe", "vm1", *here)["status"] == "TERMINATED"
    gcloud("instances", "start", "vm1", *here)
    gcloud("instances", "reset", "vm1", *here)
    assert gcloud("instances", "get-serial-port-output", "vm1", *here)["contents"]
    assert "delete" not in {item["operationType"] for item in gcloud("operations", "list")}
    gcloud("instances", "delete", "vm1", *here)
    assert gcloud("instances", "list") == []
    assert "delete" in {item["operationType"] for item in gcloud("operations", "list")}


def test_gcloud_keeps_the_firewall(gcloud: Any) -> None:
    (made,) = gcloud("firewall-rules", "create", "web", "--allow", "tcp:80,tcp:443", "--source-ranges", "10.0.0.0/8")
    assert made["allowed"] == [{"IPProtocol": "tcp", "ports": ["80"]}, {"IPProtocol": "tcp", "ports": ["443"]}]
    gcloud("firewall-rules", "update", "web", "--allow", "udp:53")
    assert gcloud("firewall-rules", "describe", "web")["allowed"] == [{"IPProtocol": "udp", "ports": ["53"]}]
    gcloud("firewall-rules", "delete", "web")
    assert gcloud("firewall-rules", "list") == []


def test_gcloud_shows_refusals_and_stockouts_as_it_does_for_google(gcloud: Any, cloud: LocalCloud) -> None:
    nothing = gcloud("instances", "create", "vm2", "--zone", ZONE, "--machine-type", "nix", fails=True)
    assert f"Machine type with name 'nix' does not exist in zone '{ZONE}'" in nothing
    cloud.order_fault("stockout", ZONE)
    sold_out = gcloud("instances", "create", "vm2", "--zone", ZONE, fails=True)
    assert "STOCKOUT" in sold_out
    cloud.order_fault("quota", ZONE, INSTANCES=0)
    exceeded = gcloud("instances", "create", "vm2", "--zone", ZONE, fails=True)
    assert "INSTANCES" in exceeded
    assert gcloud("instances", "list") == []
