"""Firewall rules over the API, and the nftables file they become."""

from __future__ import annotations

from typing import Any

import pytest

from provision.local.firewall import Machine, nftables
from tests.unit.local.conftest import ZONE, Client, World, rule

PATH = "global/firewalls"
WEB = Machine("10.200.0.5", frozenset({"web"}))
DATABASE = Machine("10.200.0.6", frozenset({"db"}))


def lines(*rules: dict[str, Any], machine: Machine = WEB, others: tuple[Machine, ...] = (WEB, DATABASE)) -> list[str]:
    """The verdicts for new connections from outside, in order."""
    text = nftables(rules, machine, others).partition("chain incoming")[2].partition("chain outgoing")[0]
    return [line.strip() for line in text.splitlines() if line.strip().endswith(("accept", "drop"))][3:]


def outgoing(*rules: dict[str, Any]) -> list[str]:
    text = nftables(rules, WEB, ()).partition("chain outgoing")[2]
    return [line.strip() for line in text.splitlines() if line.strip().endswith(("accept", "drop"))][2:]


# The file


def test_without_rules_everything_new_from_outside_is_dropped() -> None:
    assert lines() == ["counter drop"]


def test_the_file_can_be_loaded_again_and_again() -> None:
    first, second, third = nftables([], WEB, []).splitlines()[:3]
    assert (first, second) == ("table inet provision_firewall", "delete table inet provision_firewall")
    assert third == "table inet provision_firewall {"


def test_answers_and_inner_traffic_and_pings_pass_before_any_rule() -> None:
    text = nftables([rule(denied=[{"IPProtocol": "all"}], allowed=[])], WEB, [])
    for free in ('iifname != "eth0" accept', "ct state established,related accept", "meta l4proto { icmp, ipv6-icmp }"):
        assert text.index(free) < text.index("counter drop")


def test_ports_that_docker_publishes_inside_are_filtered_before_they_are_translated() -> None:
    assert "type filter hook prerouting priority -150" in nftables([], WEB, [])


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, ["ip saddr { 10.0.0.1/32 } tcp dport { 22 } accept"]),
        ({"sourceRanges": ["0.0.0.0/0"]}, ["ip saddr { 0.0.0.0/0 } tcp dport { 22 } accept"]),
        ({"sourceRanges": ["10.0.0.0/9", "10.128.0.0/9"]}, ["ip saddr { 10.0.0.0/8 } tcp dport { 22 } accept"]),
        ({"sourceRanges": ["10.0.0.0/8", "0.0.0.0/0"]}, ["ip saddr { 0.0.0.0/0 } tcp dport { 22 } accept"]),
        ({"sourceRanges": ["2001:db8::/32"]}, ["ip6 saddr { 2001:db8::/32 } tcp dport { 22 } accept"]),
        (
            {"allowed": [{"IPProtocol": "tcp", "ports": ["80", "8000-9000"]}, {"IPProtocol": "UDP", "ports": ["53"]}]},
            [
                "ip saddr { 10.0.0.1/32 } tcp dport { 80, 8000-9000 } accept",
                "ip saddr { 10.0.0.1/32 } udp dport { 53 } accept",
            ],
        ),
        ({"allowed": [{"IPProtocol": "tcp"}]}, ["ip saddr { 10.0.0.1/32 } meta l4proto tcp accept"]),
        ({"allowed": [{"IPProtocol": "47"}]}, ["ip saddr { 10.0.0.1/32 } meta l4proto 47 accept"]),
        ({"allowed": [{"IPProtocol": "all"}]}, ["ip saddr { 10.0.0.1/32 } accept"]),
        ({"allowed": [], "denied": [{"IPProtocol": "all"}]}, ["ip saddr { 10.0.0.1/32 } drop"]),
        ({"targetTags": ["web"]}, ["ip saddr { 10.0.0.1/32 } tcp dport { 22 } accept"]),
        ({"targetTags": ["db"]}, []),
        ({"targetTags": ["db", "web"]}, ["ip saddr { 10.0.0.1/32 } tcp dport { 22 } accept"]),
        ({"targetServiceAccounts": ["a@b"]}, []),
        ({"disabled": True}, []),
        ({"sourceRanges": [], "sourceTags": ["db"]}, ["ip saddr { 10.200.0.6/32 } tcp dport { 22 } accept"]),
        ({"sourceTags": ["db"]}, ["ip saddr { 10.0.0.1/32, 10.200.0.6/32 } tcp dport { 22 } accept"]),
        ({"sourceRanges": [], "sourceTags": ["nobody"]}, []),
        ({"sourceRanges": [], "sourceServiceAccounts": ["a@b"]}, []),
    ],
)
def test_a_rule_becomes_what_it_means(fields: dict[str, Any], wanted: list[str]) -> None:
    assert lines(rule(**fields)) == [*wanted, "counter drop"]


def test_a_lower_number_comes_first_and_of_equals_the_denial() -> None:
    denial = {"allowed": [], "denied": [{"IPProtocol": "tcp"}]}
    order = [
        rule("last", priority=2000, sourceRanges=["192.0.2.1/32"]),
        rule("second", sourceRanges=["192.0.2.2/32"]),
        rule("first", sourceRanges=["192.0.2.3/32"], **denial),
        rule("zero", priority=0, sourceRanges=["192.0.2.4/32"]),
    ]
    assert [line.split()[3] for line in lines(*order)[:-1]] == [f"192.0.2.{n}/32" for n in (4, 3, 2, 1)]


def test_what_goes_out_is_free_unless_a_rule_denies_it() -> None:
    assert outgoing() == []
    denial = rule(direction="EGRESS", sourceRanges=None, destinationRanges=["192.0.2.0/24"], allowed=[])
    denial["denied"] = [{"IPProtocol": "tcp", "ports": ["25"]}]
    assert outgoing(denial) == ["ip daddr { 192.0.2.0/24 } tcp dport { 25 } drop"]
    assert lines(denial) == ["counter drop"]


# The API


def test_a_rule_is_inserted_with_googles_defaults(call: Client) -> None:
    call.done(call("POST", PATH, {"name": "web", "allowed": [{"IPProtocol": "tcp", "ports": ["80"]}]}))
    got = call("GET", f"{PATH}/web").body
    assert (got["priority"], got["direction"], got["disabled"]) == (1000, "INGRESS", False)
    assert got["sourceRanges"] == ["0.0.0.0/0"]
    assert got["network"].endswith("global/networks/default")
    assert call("GET", PATH).body["items"] == [got]


def test_an_egress_rule_goes_everywhere_unless_told(call: Client) -> None:
    wanted = {"name": "out", "direction": "EGRESS", "denied": [{"IPProtocol": "tcp", "ports": ["25"]}]}
    call.done(call("POST", PATH, wanted))
    assert call("GET", f"{PATH}/out").body["destinationRanges"] == ["0.0.0.0/0"]


def test_rules_reach_running_machines_at_once_and_leave_them_again(call: Client, world: World) -> None:
    call.create()
    assert "dport" not in world.firewall_of()
    call.done(call("POST", PATH, rule()))
    assert "ip saddr { 10.0.0.1/32 } tcp dport { 22 } accept" in world.firewall_of()
    call.done(call("PATCH", f"{PATH}/allow-ssh", {"sourceRanges": ["10.0.0.2/32"]}))
    assert "10.0.0.2/32" in world.firewall_of()
    assert "10.0.0.1/32" not in world.firewall_of()
    call.done(call("DELETE", f"{PATH}/allow-ssh"))
    assert "dport" not in world.firewall_of()
    loads = [command for _, command in world.engine.commands if command[0] == "nft"]
    assert loads == [("nft", "-f", "/etc/provision-machine/firewall.nft")] * 3


def test_a_stopped_machine_gets_the_rules_when_it_starts(call: Client, world: World) -> None:
    call.create()
    call.done(call("POST", f"zones/{ZONE}/instances/vm1/stop"))
    call.done(call("POST", PATH, rule()))
    assert world.engine.commands == []
    call.done(call("POST", f"zones/{ZONE}/instances/vm1/start"))
    assert "dport" in world.firewall_of()


def test_a_machine_that_does_not_take_its_firewall_fails_the_operation(call: Client, world: World) -> None:
    call.create()
    world.engine.command_results["nft"] = (1, "syntax error")
    operation = call.done(call("POST", PATH, rule()))
    assert "vm1 did not take its firewall" in operation["error"]["errors"][0]["message"]


def test_a_source_tag_follows_the_machines_that_have_it(call: Client, world: World) -> None:
    call.done(call("POST", PATH, rule(sourceRanges=None, sourceTags=["client"]) | {"sourceRanges": []}))
    call.create("server")
    assert "dport" not in world.firewall_of("server")
    address = call.create("client", tags={"items": ["client"]})["networkInterfaces"][0]["networkIP"]
    assert f"ip saddr {{ {address}/32 }}" in world.firewall_of("server")
    call.done(call("DELETE", f"zones/{ZONE}/instances/client"))
    assert "dport" not in world.firewall_of("server")


def test_patch_keeps_what_it_does_not_name_and_update_does_not(call: Client) -> None:
    call.done(call("POST", PATH, rule(description="mine", priority=500)))
    before = call("GET", f"{PATH}/allow-ssh").body
    call.done(call("PATCH", f"{PATH}/allow-ssh", {"priority": 600}))
    patched = call("GET", f"{PATH}/allow-ssh").body
    assert patched == {**before, "priority": 600}
    call.done(call("PUT", f"{PATH}/allow-ssh", rule()))
    updated = call("GET", f"{PATH}/allow-ssh").body
    assert (updated["description"], updated["priority"], updated["id"]) == ("", 1000, before["id"])


def test_what_is_there_or_not_there_is_told(call: Client) -> None:
    call.done(call("POST", PATH, rule()))
    again = call("POST", PATH, rule())
    assert (again.code, again.message) == (
        409,
        "The resource 'projects/local/global/firewalls/allow-ssh' already exists",
    )
    for method in ("GET", "DELETE", "PATCH"):
        missing = call(method, f"{PATH}/nix", {} if method == "PATCH" else None)
        assert (missing.code, missing.reason) == (404, "notFound")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"name": "Bad"}, "resource.name"),
        ({"allowed": []}, "Exactly one of allowed and denied must be specified."),
        ({"denied": [{"IPProtocol": "tcp"}]}, "Exactly one of allowed and denied must be specified."),
        ({"sourceRanges": ["10.0.0.1/8"]}, "'resource.sourceRanges': '10.0.0.1/8'"),
        ({"sourceRanges": ["home"]}, "Must be a valid IPV4 or IPV6 address range."),
        ({"allowed": [{"IPProtocol": "nix"}]}, "Must be a well known IP protocol"),
        ({"allowed": [{"IPProtocol": "256"}]}, "Must be a well known IP protocol"),
        ({"allowed": [{"IPProtocol": "icmp", "ports": ["1"]}]}, "Ports are only allowed"),
        ({"allowed": [{"IPProtocol": "tcp", "ports": ["99999"]}]}, "'99999'. Must be a valid port"),
        ({"allowed": [{"IPProtocol": "tcp", "ports": ["90-80"]}]}, "Must be a valid port or port range."),
        ({"allowed": [{"IPProtocol": "tcp", "ports": ["1-2-3"]}]}, "Must be a valid port or port range."),
        ({"allowed": [{"IPProtocol": "tcp", "ports": ["ssh"]}]}, "Must be a valid port or port range."),
        ({"priority": 70000}, "resource.priority"),
        ({"network": "global/networks/other"}, "network resource cannot be found"),
        ({"direction": "EGRESS"}, "An egress rule cannot have a source."),
    ],
)
def test_rules_that_google_refuses_are_refused(call: Client, fields: dict[str, Any], text: str) -> None:
    answer = call("POST", PATH, rule(**fields))
    assert answer.code == 400
    assert text in answer.message
    assert call("GET", PATH).body["items"] == []


def test_a_patch_that_makes_a_rule_unsound_changes_nothing(call: Client) -> None:
    call.done(call("POST", PATH, rule()))
    before = call("GET", f"{PATH}/allow-ssh").body
    assert call("PATCH", f"{PATH}/allow-ssh", {"sourceRanges": ["home"]}).code == 400
    assert call("GET", f"{PATH}/allow-ssh").body == before
