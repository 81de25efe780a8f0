"""The request for a machine, judged by Google's own schema, and read back from an answer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from provision.errors import UsageProblem
from provision.gce.catalogue import Shape
from provision.gce.client import Cloud
from provision.gce.images import Image
from provision.gce.instance import (
    VmRequest,
    check_name,
    differences,
    insert_body,
    key_mark,
    metadata,
    read_duration,
    read_machine,
    spell_duration,
)
from provision.gce.instances import insert
from tests.unit.gce.scripted_google import ScriptedGoogle, sound
from tests.unit.local import discovery

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample provision"
L4 = Shape("g2-standard-8", "nvidia-l4", 1)
T4 = Shape("n1-standard-8", "nvidia-tesla-t4", 2, attached=True)
PLAIN = Shape("e2-standard-4")


def request(**changes: Any) -> VmRequest:
    image = Image("debian-12", "projects/debian-cloud/global/images/debian-12-v1", "debian-12-v1", 10)
    return replace(VmRequest("tts-1", "us-central1-a", L4, image, 100, "pd-balanced", KEY), **changes)


@pytest.mark.parametrize("shape", [L4, T4, PLAIN])
@pytest.mark.parametrize("spot", [True, False])
@pytest.mark.parametrize("max_run_s", [None, 86400])
@pytest.mark.parametrize("network", ["default", "projects/host/global/networks/shared"])
def test_every_request_is_what_google_calls_an_instance(
    shape: Shape, spot: bool, max_run_s: int | None, network: str
) -> None:
    body = insert_body(request(shape=shape, spot=spot, max_run_s=max_run_s, network=network))
    assert discovery.faults("Instance", body) == []


def test_the_request_survives_the_sdk(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((200, {"name": "op", "status": "DONE", "zone": "zones/us-central1-a"}))
    wanted = request(spot=True, max_run_s=3600)
    list(insert(cloud, wanted))
    assert sound(google.asked[0]) == "compute.instances.insert"
    assert google.asked[0].body == insert_body(wanted)


def test_a_machine_with_a_gpu_cannot_be_moved() -> None:
    assert insert_body(request())["scheduling"]["onHostMaintenance"] == "TERMINATE"
    assert insert_body(request(shape=T4))["scheduling"]["onHostMaintenance"] == "TERMINATE"
    assert "onHostMaintenance" not in insert_body(request(shape=PLAIN))["scheduling"]


def test_gpus_are_named_only_where_they_are_attached() -> None:
    assert "guestAccelerators" not in insert_body(request())
    assert insert_body(request(shape=T4))["guestAccelerators"] == [
        {"acceleratorType": "zones/us-central1-a/acceleratorTypes/nvidia-tesla-t4", "acceleratorCount": 2}
    ]


def test_spot_does_not_come_back_by_itself() -> None:
    rules = insert_body(request(spot=True))["scheduling"]
    assert (rules["provisioningModel"], rules["automaticRestart"]) == ("SPOT", False)
    assert rules["instanceTerminationAction"] == "DELETE"


def test_the_end_of_life_is_kept_by_google() -> None:
    rules = insert_body(request(max_run_s=5400, max_run_action="stop"))["scheduling"]
    assert rules["maxRunDuration"] == {"seconds": "5400"}
    assert (rules["instanceTerminationAction"], rules["provisioningModel"]) == ("STOP", "STANDARD")


def test_without_an_end_nothing_is_said_about_it() -> None:
    rules = insert_body(request())["scheduling"]
    assert "maxRunDuration" not in rules and "instanceTerminationAction" not in rules


def test_no_service_account_and_no_secret_goes_along() -> None:
    body = insert_body(request())
    assert "serviceAccounts" not in body
    assert set(metadata(request())) == {
        "ssh-keys",
        "block-project-ssh-keys",
        "enable-oslogin",
        "enable-guest-attributes",
        "provision-image",
    }
    assert "PRIVATE" not in json.dumps(body)


def test_only_our_key_opens_it() -> None:
    items = metadata(request(user="ops", public_key=f"{KEY}\n"))
    assert items["ssh-keys"] == f"ops:{KEY}"
    assert (items["block-project-ssh-keys"], items["enable-oslogin"]) == ("TRUE", "FALSE")
    assert items["enable-guest-attributes"] == "TRUE"


def test_labels_say_who_made_it() -> None:
    labels = insert_body(request(labels={"team": "voice", "managed-by": "somebody"}))["labels"]
    assert labels == {"team": "voice", "managed-by": "provision", "provision-key": key_mark(KEY)}


def test_the_mark_is_the_keys_and_not_its_comments() -> None:
    assert key_mark(KEY) == key_mark(KEY.replace("provision", "elsewhere") + "\n")
    assert key_mark(KEY) != key_mark(KEY.replace("example", "another"))


def answer(wanted: VmRequest, **changes: Any) -> dict[str, Any]:
    """What `instances.get` says about a machine made by that request."""
    at = "https://www.googleapis.com/compute/v1/projects/p1"
    body = insert_body(wanted)
    accelerators = [{"acceleratorType": f"{at}/zones/z/acceleratorTypes/{wanted.shape.accelerator}"}]
    row = {
        **body,
        "id": "4711",
        "status": "RUNNING",
        "zone": f"{at}/zones/{wanted.zone}",
        "machineType": f"{at}/{body['machineType']}",
        "disks": [{"boot": True, "diskSizeGb": str(wanted.disk_gb)}],
        "networkInterfaces": [
            {
                "network": f"{at}/global/networks/{wanted.network}",
                "networkIP": "10.0.0.2",
                "accessConfigs": [{"natIP": "203.0.113.9"}],
            }
        ],
        **(
            {"guestAccelerators": [{**accelerators[0], "acceleratorCount": wanted.shape.count}]}
            if wanted.shape.gpu
            else {}
        ),
    }
    return row | changes


@pytest.mark.parametrize(
    "wanted",
    [
        request(),
        request(shape=T4, spot=True),
        request(shape=PLAIN, max_run_s=3600),
        request(shape=replace(L4, count=2, machine_type="g2-standard-24"), max_run_s=60, max_run_action="stop"),
    ],
)
def test_a_machine_made_by_a_request_does_not_differ_from_it(wanted: VmRequest) -> None:
    assert differences(wanted, read_machine(answer(wanted))) == ()


def test_gpus_that_an_answer_leaves_out_are_no_difference_where_the_shape_has_them() -> None:
    row = answer(request())
    del row["guestAccelerators"]
    assert differences(request(), read_machine(row)) == ()
    row = answer(request(shape=T4))
    del row["guestAccelerators"]
    assert differences(request(shape=T4), read_machine(row)) == (("gpu", "", "nvidia-tesla-t4:2"),)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"zone": "us-east1-b"}, ("zone", "us-central1-a", "us-east1-b")),
        ({"shape": replace(L4, machine_type="g2-standard-12")}, ("machine_type", "g2-standard-8", "g2-standard-12")),
        ({"disk_gb": 200}, ("disk_gb", "100", "200")),
        ({"image": Image("ubuntu-2204", "p", "n")}, ("image", "debian-12", "ubuntu-2204")),
        ({"spot": True}, ("spot", "no", "yes")),
        ({"max_run_s": 86400}, ("max_run", "none", "24h")),
        ({"user": "ops"}, ("ssh_user", "provision", "ops")),
        ({"network": "other"}, ("network", "default", "other")),
    ],
)
def test_each_difference_is_told(changes: dict[str, Any], told: tuple[str, str, str]) -> None:
    assert differences(request(**changes), read_machine(answer(request()))) == (told,)


def test_the_way_it_ends_matters_only_when_it_ends() -> None:
    has = read_machine(answer(request(max_run_s=3600)))
    asked = request(max_run_s=3600, max_run_action="stop")
    assert differences(asked, has) == (("max_run_action", "delete", "stop"),)
    assert differences(request(max_run_action="stop"), read_machine(answer(request()))) == ()


def test_an_address_changes_without_being_a_difference() -> None:
    row = answer(request())
    row["networkInterfaces"][0]["accessConfigs"] = []
    machine = read_machine(row)
    assert (machine.address, machine.reachable_at) == ("", "10.0.0.2")
    assert differences(request(), machine) == ()


def test_whose_machine_it_is() -> None:
    machine = read_machine(answer(request()))
    assert machine.made_by(KEY)
    assert not machine.made_by(KEY.replace("example", "another"))
    assert not replace(machine, labels={}).made_by(KEY)
    assert not replace(machine, labels={"managed-by": "provision"}).made_by("")


def test_a_bare_answer_is_read_as_far_as_it_goes() -> None:
    machine = read_machine({"name": "x"})
    assert (machine.name, machine.status, machine.gpu, machine.reachable_at) == ("x", "", "", "")


@pytest.mark.parametrize("name", ["tts-1", "a", "a" * 40, "x9"])
def test_names_that_google_takes(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", "1a", "A", "a-", "a_b", "a.b", "ä", "a" * 41, "-a", "a b", "a\n"])
def test_names_that_google_would_refuse_are_refused_before(name: str) -> None:
    with pytest.raises(UsageProblem, match="cannot be a machine's name"):
        check_name(name)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("24h", 86400), ("90m", 5400), ("30s", 30), ("2d", 172800), ("120d", 10368000), ("none", None)],
)
def test_durations_are_read(text: str, seconds: int | None) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "24", "1w", "-1h", "0h", "29s", "121d", "h", "1.5h", "forever"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="no duration"):
        read_duration(text)


@pytest.mark.parametrize(("seconds", "text"), [(86400, "24h"), (5400, "90m"), (90, "90s"), (172800, "48h")])
def test_durations_are_spelled_as_they_are_read(seconds: int, text: str) -> None:
    assert spell_duration(seconds) == text
    assert read_duration(text) == seconds
