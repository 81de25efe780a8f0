"""Calls over a real socket to a scripted Google: what is sent, tried again, waited for, and told."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import Any

import pytest

from provision.errors import Unreachable
from provision.gce import client, instances
from provision.gce.client import Cloud, NotConfigured, Patience, anonymous
from provision.gce.faults import CloudError
from tests.unit.gce.scripted_google import ScriptedGoogle, sound
from tests.unit.gce.test_faults import STOCKOUT, http

ZONE = {"name": "z-a", "kind": "compute#zone", "status": "UP"}
RUNNING = {"name": "op-1", "status": "RUNNING", "zone": "https://x/projects/p1/zones/z-a"}
DONE = {**RUNNING, "status": "DONE"}


def read(cloud: Cloud) -> dict[str, Any]:
    return cloud.read("look up zone", "Zones", "get", zone="z-a")


def change(cloud: Cloud) -> dict[str, Any]:
    return cloud.change("delete x", "Instances", "delete", zone="z-a", instance="x")


def test_a_read_gives_the_json_that_was_on_the_wire(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((200, ZONE))
    assert read(cloud) == ZONE
    assert sound(google.asked[0]) == "compute.zones.get"


@pytest.mark.parametrize(
    "passing", [(500, ""), (502, ""), (503, {}), (504, {}), (429, {}), (403, http("rateLimitExceeded"))]
)
def test_what_passes_by_itself_is_tried_again(
    cloud: Cloud, google: ScriptedGoogle, pauses: list[float], passing: tuple[int, Any]
) -> None:
    google.script(passing, passing, (200, ZONE))
    assert read(cloud)["name"] == "z-a"
    assert len(google.asked) == 3
    assert len(pauses) == 2 and pauses[1] > pauses[0]


@pytest.mark.parametrize(
    "lasting",
    [(403, http("forbidden")), (404, http("notFound")), (400, http("invalid")), (409, http("alreadyExists"))],
)
def test_what_lasts_is_told_at_once(
    cloud: Cloud, google: ScriptedGoogle, pauses: list[float], lasting: tuple[int, Any]
) -> None:
    google.script(lasting)
    with pytest.raises(CloudError):
        read(cloud)
    assert (len(google.asked), pauses) == (1, [])


def test_patience_ends(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((503, {}))
    with pytest.raises(CloudError) as caught:
        read(cloud)
    assert len(google.asked) == 4
    assert (caught.value.fault.kind, caught.value.exit_code) == ("unavailable", 4)


def test_pauses_grow_up_to_a_limit() -> None:
    patience = Patience(first_pause_s=1, longest_pause_s=8)
    assert 0.8 <= patience.pause(0) <= 1.2
    assert 3.2 <= patience.pause(2) <= 4.8
    assert 6.4 <= patience.pause(30) <= 9.6


def test_all_tries_of_a_change_carry_one_request_id(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((503, {}), (500, {}), (200, DONE))
    change(cloud)
    ids = [asked.query["requestId"][0] for asked in google.asked]
    assert len(ids) == 3 and len(set(ids)) == 1
    assert ids[0] != "00000000-0000-0000-0000-000000000000"


def test_two_changes_carry_two_request_ids(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((200, DONE))
    change(cloud), change(cloud)
    assert google.asked[0].query["requestId"] != google.asked[1].query["requestId"]


def test_a_change_waits_until_the_operation_is_done(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((200, RUNNING), (200, RUNNING), (200, DONE))
    assert change(cloud)["status"] == "DONE"
    assert [sound(asked) for asked in google.asked] == [
        "compute.instances.delete",
        "compute.zoneOperations.wait",
        "compute.zoneOperations.wait",
    ]


def test_a_global_operation_is_waited_for_globally(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((200, {"name": "op-2", "status": "RUNNING"}), (200, {"name": "op-2", "status": "DONE"}))
    cloud.change("delete rule", "Firewalls", "delete", firewall="fw")
    assert [sound(asked) for asked in google.asked] == ["compute.firewalls.delete", "compute.globalOperations.wait"]


def test_an_error_on_a_running_operation_is_not_yet_its_end(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((200, {**RUNNING, "error": STOCKOUT["error"]}), (200, DONE))
    assert change(cloud)["status"] == "DONE"


def test_errors_without_http_code_are_raised(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((200, RUNNING), (200, {**DONE, "error": STOCKOUT["error"]}))
    with pytest.raises(CloudError) as caught:
        change(cloud)
    assert caught.value.fault.zones_available == ("us-central1-a", "us-central1-f")


def test_a_hiccup_while_waiting_does_not_lose_the_operation(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((200, RUNNING), (500, ""), (502, ""), (200, DONE))
    assert change(cloud)["status"] == "DONE"


def test_an_operation_that_never_ends_is_given_up(google: ScriptedGoogle) -> None:
    google.script((200, RUNNING))
    impatient = anonymous("p1", google.endpoint, Patience(operation_s=0.05))
    with closing(impatient) as cloud, pytest.raises(CloudError, match="operation op-1 has not ended"):
        change(cloud)


def test_watching_tells_every_state(cloud: Cloud, google: ScriptedGoogle, pauses: list[float]) -> None:
    google.script((200, {**RUNNING, "progress": 50, "statusMessage": "half"}), (200, {**DONE, "progress": 100}))
    states = [state.get("progress", 0) for state in cloud.watch("create x", RUNNING)]
    assert states == [0, 50, 100]
    assert pauses == [0.1, pytest.approx(0.15)]


def test_somebody_elses_failed_operation_is_a_value(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((200, {**DONE, "error": STOCKOUT["error"]}))
    fault = cloud.settle(RUNNING)
    assert fault is not None and fault.kind == "stockout"
    google.script((200, DONE))
    assert cloud.settle(RUNNING) is None


def test_find_gives_none_for_what_is_not_there_and_raises_the_rest(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((404, http("notFound", code=404)))
    assert cloud.find("look", "Zones", "get", zone="z") is None
    google.script((403, http("forbidden")))
    with pytest.raises(CloudError):
        cloud.find("look", "Zones", "get", zone="z")


def test_all_pages_of_a_list_are_read(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((200, {"items": [{"name": "a"}], "nextPageToken": "t"}), (200, {"items": [{"name": "b"}]}))
    assert [row["name"] for row in cloud.rows("list", "Zones", "list")] == ["a", "b"]
    assert google.asked[1].query["pageToken"] == ["t"]


def test_a_list_that_breaks_off_starts_anew(cloud: Cloud, google: ScriptedGoogle) -> None:
    first = {"items": [{"name": "a"}], "nextPageToken": "t"}
    google.script((200, first), (500, ""), (200, first), (200, {"items": [{"name": "b"}]}))
    assert [row["name"] for row in cloud.rows("list", "Zones", "list")] == ["a", "b"]


def test_machines_of_all_zones_come_in_one_list(cloud: Cloud, google: ScriptedGoogle) -> None:
    rows = {"zones/z-a": {"instances": [{"name": "x", "status": "RUNNING"}]}, "zones/z-b": {"warning": {"code": "E"}}}
    google.script((200, {"items": rows}))
    found = instances.find(cloud, "x")
    assert found is not None and found.status == "RUNNING"
    assert sound(google.asked[0]) == "compute.instances.aggregatedList"
    assert google.asked[0].query["filter"] == ["name=x"]


def test_unknown_fields_and_words_of_the_future_do_no_harm(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((200, {**ZONE, "status": "NEW_STATUS_2027", "neverSeen": {"a": 1}}))
    assert read(cloud)["status"] == "NEW_STATUS_2027"


def test_a_refused_connection_is_tried_again_and_then_told(pauses: list[float]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    patient = anonymous("p1", f"http://127.0.0.1:{port}", Patience(tries=3, sleep=pauses.append))
    with closing(patient) as cloud, pytest.raises(CloudError) as caught:
        read(cloud)
    assert len(pauses) == 2
    assert (caught.value.fault.kind, caught.value.exit_code) == ("no_answer", 4)
    assert "refused" in caught.value.what.lower()


def test_a_server_that_hangs_is_given_up_in_time(google: ScriptedGoogle) -> None:
    google.script((200, ZONE))
    google.delay_s = 1.0
    impatient = anonymous("p1", google.endpoint, Patience(tries=1, call_s=0.1))
    with closing(impatient) as cloud, pytest.raises(CloudError) as caught:
        read(cloud)
    assert caught.value.fault.kind == "no_answer"


def test_an_answer_that_asks_for_credentials_says_how_to_get_them(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((401, {"error": {"code": 401, "message": "Login Required"}}))
    with pytest.raises(CloudError) as caught:
        read(cloud)
    assert caught.value.fault.kind == "credentials"
    assert "gcloud auth application-default login" in caught.value.hint


def without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    from google.auth.exceptions import DefaultCredentialsError

    def none(**_: Any) -> Any:
        raise DefaultCredentialsError("no")  # type: ignore[no-untyped-call]

    monkeypatch.setattr("google.auth.default", none)


def test_without_credentials_both_ways_on_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    without_credentials(monkeypatch)
    with pytest.raises(NotConfigured) as caught:
        client.google("p1")
    assert isinstance(caught.value, Unreachable) and caught.value.exit_code == 4
    for words in ("gcloud auth application-default login", "--project", "provision rehearse", "--cloud local"):
        assert words in caught.value.hint


def test_without_a_project_the_same_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("google.auth.default", lambda **_: (object(), None))
    with pytest.raises(NotConfigured, match="project"):
        client.google()


def test_the_credentials_own_project_serves_when_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("google.auth.default", lambda **_: (object(), "theirs"))
    assert client.google().project == "theirs"
    assert client.google("mine").project == "mine"


@pytest.mark.parametrize(("path", "last"), [("https://x/zones/z-a", "z-a"), ("z-a", "z-a"), ("", ""), ("a/b/", "b")])
def test_the_last_part_of_a_link_is_its_name(path: str, last: str) -> None:
    assert client.last_part(path) == last
