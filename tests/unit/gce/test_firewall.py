"""Firewall rules: what is opened to whom, what is ours, and what is left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from provision.errors import UsageProblem
from provision.gce import firewall
from provision.gce.client import Cloud
from provision.gce.firewall import Rule
from tests.unit.gce.conftest import TableCloud
from tests.unit.gce.scripted_google import ScriptedGoogle, sound
from tests.unit.gce.test_instance import KEY
from tests.unit.local import discovery

OTHER_KEY = KEY.replace("example", "another")
SSH, SERVICE = firewall.rules_for("tts-1", ("203.0.113.7/32",), "caller", 8080, "default", KEY)
DONE = {"name": "op", "status": "DONE"}


def test_there_is_one_rule_for_ssh_and_one_for_the_service() -> None:
    assert (SSH.name, SSH.port) == ("provision-tts-1-ssh", 22)
    assert (SERVICE.name, SERVICE.port) == ("provision-tts-1-service", 8080)


@pytest.mark.parametrize("rule", [SSH, SERVICE, replace(SSH, network="projects/h/global/networks/n")])
def test_every_rule_is_what_google_calls_a_firewall(rule: Rule) -> None:
    assert discovery.faults("Firewall", firewall.body(rule)) == []


def test_a_rule_reaches_one_machine_alone() -> None:
    assert firewall.body(SSH)["targetTags"] == ["provision-tts-1"]
    assert firewall.body(SSH)["allowed"] == [{"IPProtocol": "tcp", "ports": ["22"]}]
    assert firewall.body(SSH)["sourceRanges"] == ["203.0.113.7/32"]


def test_a_rule_of_ours_is_as_wanted() -> None:
    row = firewall.body(SSH)
    assert firewall.is_as_wanted(row, SSH)
    assert firewall.is_ours(row, "tts-1", KEY)


@pytest.mark.parametrize(
    "changes",
    [
        {"sourceRanges": ["0.0.0.0/0"]},
        {"sourceRanges": ["203.0.113.7/32", "198.51.100.0/24"]},
        {"allowed": [{"IPProtocol": "tcp", "ports": ["22", "23"]}]},
        {"disabled": True},
        {"description": firewall.body(replace(SSH, sources="given"))["description"]},
    ],
)
def test_a_rule_that_somebody_changed_is_not_as_wanted(changes: dict[str, Any]) -> None:
    assert not firewall.is_as_wanted({**firewall.body(SSH), **changes}, SSH)


def test_the_order_of_ranges_does_not_matter() -> None:
    wanted = replace(SSH, ranges=("10.0.0.0/8", "192.0.2.0/24"))
    assert firewall.is_as_wanted({**firewall.body(wanted), "sourceRanges": ["192.0.2.0/24", "10.0.0.0/8"]}, wanted)


@pytest.mark.parametrize(
    "description", ["", "allow ssh", "managed-by=provision", "x managed-by=provision machine=tts-1"]
)
def test_rules_of_others_are_not_ours(description: str) -> None:
    assert not firewall.is_ours({"description": description}, "tts-1", KEY)


def test_a_rule_of_another_machine_or_installation_is_not_ours() -> None:
    row = firewall.body(SSH)
    assert not firewall.is_ours(row, "tts-10", KEY)
    assert not firewall.is_ours(row, "tts", KEY)
    assert not firewall.is_ours(row, "tts-1", OTHER_KEY)


def test_rules_are_found_by_what_they_say_about_themselves() -> None:
    other = firewall.rules_for("tts-2", ("10.0.0.1/32",), "given", 8080, "default", KEY)
    foreign = firewall.rules_for("tts-1", ("10.0.0.1/32",), "given", 8080, "default", OTHER_KEY)
    rows = [firewall.body(rule) for rule in (SSH, SERVICE, *other, *foreign)] + [{"name": "default-allow-ssh"}]
    cloud: Any = TableCloud({("Firewalls", "list", ""): rows})
    assert [row["name"] for row in firewall.of_machine(cloud, "tts-1", KEY)] == [SSH.name, SERVICE.name]
    assert firewall.ours_by_machine(cloud, KEY) == {
        "tts-1": (SSH.name, SERVICE.name),
        "tts-2": (other[0].name, other[1].name),
    }


@pytest.mark.parametrize(
    ("asked", "ranges"),
    [
        ((), ()),
        (("203.0.113.7",), ("203.0.113.7/32",)),
        (("10.0.0.0/8", "203.0.113.7/32", "10.0.0.0/8"), ("10.0.0.0/8", "203.0.113.7/32")),
        (("2001:db8::/32",), ("2001:db8::/32",)),
    ],
)
def test_ranges_are_written_as_google_writes_them(asked: tuple[str, ...], ranges: tuple[str, ...]) -> None:
    assert firewall.check_ranges(asked) == ranges


@pytest.mark.parametrize("text", ["", "everybody", "10.0.0.0/33", "10.0.0.1/8", "300.1.1.1", "10.0.0.0/8,192.0.2.1"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="is no address range"):
        firewall.check_ranges((text,))


OPEN_SSH = {
    "name": "default-allow-ssh",
    "network": "https://x/projects/p/global/networks/default",
    "direction": "INGRESS",
    "sourceRanges": ["0.0.0.0/0"],
    "allowed": [{"IPProtocol": "tcp", "ports": ["22"]}],
}


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, True),
        ({"allowed": [{"IPProtocol": "all"}]}, True),
        ({"allowed": [{"IPProtocol": "tcp", "ports": ["20-30"]}]}, True),
        ({"allowed": [{"IPProtocol": "udp"}, {"IPProtocol": "tcp"}]}, True),
        ({"sourceRanges": ["::/0"]}, True),
        ({"allowed": [{"IPProtocol": "tcp", "ports": ["80", "443"]}]}, False),
        ({"allowed": [{"IPProtocol": "icmp"}]}, False),
        ({"sourceRanges": ["10.128.0.0/9"]}, False),
        ({"targetTags": ["web"]}, False),
        ({"disabled": True}, False),
        ({"direction": "EGRESS"}, False),
        ({"network": "https://x/projects/p/global/networks/other"}, False),
    ],
)
def test_a_rule_that_opens_everything_to_everybody_is_noticed(changes: dict[str, Any], seen: bool) -> None:
    cloud: Any = TableCloud({("Firewalls", "list", ""): [{**OPEN_SSH, **changes}]})
    assert firewall.wide_open(cloud, "default", 22) == (("default-allow-ssh",) if seen else ())


def test_what_is_sent_to_make_change_and_remove_rules_is_sound(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((200, DONE))
    firewall.insert(cloud, SSH)
    firewall.patch(cloud, replace(SSH, ranges=("10.0.0.0/8",)))
    firewall.delete(cloud, SSH.name)
    assert [sound(asked) for asked in google.asked] == [
        "compute.firewalls.insert",
        "compute.firewalls.patch",
        "compute.firewalls.delete",
    ]
    assert google.asked[1].path.endswith("/firewalls/provision-tts-1-ssh")
    assert google.asked[1].body["sourceRanges"] == ["10.0.0.0/8"]
    assert "network" not in google.asked[1].body
