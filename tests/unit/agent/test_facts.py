"""Facts: read from texts of many machines, and compared with ansible-core's own on this one."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from provision.agent import facts_local, facts_network, facts_system, netlink
from provision.agent.facts_hardware import human, memory_from, processor_from
from provision.agent.facts_network import dns_from
from provision.agent.facts_system import distribution_from, key_values
from provision.agent.modules.setup import chosen, filtered
from tests.unit.agent.fakes import FakeProcesses, a_target, ansible, printed, run

DEBIAN = 'ID=debian\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\n'
UBUNTU = (
    'ID=ubuntu\nNAME="Ubuntu"\nVERSION_ID="22.04"\nVERSION="22.04.3 LTS (Jammy Jellyfish)"\nVERSION_CODENAME=jammy\n'
)
ROCKY = 'ID="rocky"\nNAME="Rocky Linux"\nVERSION_ID="9.3"\nVERSION="9.3 (Blue Onyx)"\n'
OWN = 'ID=mine\nNAME="My Linux"\nVERSION_ID=7\n'


@pytest.mark.parametrize(
    ("text", "debian_version", "wanted"),
    [
        (DEBIAN, "12.11", ("Debian", "12.11", "12", "bookworm", "Debian", "11")),
        (DEBIAN, "bookworm/sid", ("Debian", "12", "12", "bookworm", "Debian", None)),
        (UBUNTU, "bookworm/sid", ("Ubuntu", "22.04", "22", "jammy", "Debian", None)),
        (ROCKY, "", ("Rocky", "9.3", "9", "Blue Onyx", "RedHat", None)),
        (OWN, "", ("My Linux", "7", "7", "NA", "My Linux", None)),
        ("", "", ("Linux", "n/a", "n/a", "NA", "Linux", None)),
    ],
)
def test_distributions(text: str, debian_version: str, wanted: tuple[Any, ...]) -> None:
    facts = distribution_from(text, debian_version)
    names = ("", "_version", "_major_version", "_release")
    found = [facts["distribution" + name] for name in names]
    assert (*found, facts["os_family"], facts.get("distribution_minor_version")) == wanted


def test_lines_of_keys_and_values() -> None:
    assert key_values("# no\nA=1\nB=\"two words\"\nC='x'\nrubbish\n") == {"A": "1", "B": "two words", "C": "x"}


CPU = """processor\t: {number}
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R)
physical id\t: {socket}
siblings\t: 4
core id\t\t: {core}
cpu cores\t: 2
flags\t\t: fpu avx2

"""


def test_processors_are_counted_by_sockets_cores_and_threads() -> None:
    text = "".join(CPU.format(number=number, socket=number // 4, core=number % 2) for number in range(8))
    facts = processor_from(text)
    names = ("count", "cores", "threads_per_core", "vcpus", "nproc")
    assert [facts[f"processor_{name}"] for name in names] == [2, 2, 2, 8, 8]
    assert facts["processor"][:3] == ["0", "GenuineIntel", "Intel(R) Xeon(R)"] and facts["flags"] == ["fpu", "avx2"]


def test_processors_that_say_little() -> None:
    facts = processor_from("processor\t: 0\nBogoMIPS\t: 50\n\nprocessor\t: 1\nBogoMIPS\t: 50\n", "aarch64")
    assert (facts["processor_count"], facts["processor_vcpus"], facts["processor_nproc"]) == (2, 2, 2)
    assert processor_from("")["processor"] == []


def test_memory() -> None:
    text = "MemTotal: 4096000 kB\nMemFree: 1024000 kB\nBuffers: 102400 kB\nCached: 512000 kB\nSwapTotal: 0 kB\n"
    facts = memory_from(text)
    assert (facts["memtotal_mb"], facts["memfree_mb"], facts["swaptotal_mb"]) == (4000, 1000, 0)
    assert facts["memory_mb"]["nocache"] == {"free": 1600, "used": 2400}


@pytest.mark.parametrize(("size", "text"), [(0, "0.00 Bytes"), (1536, "1.50 KB"), (107374182400, "100.00 GB")])
def test_sizes_for_people(size: int, text: str) -> None:
    assert human(size) == text


def test_name_servers() -> None:
    text = "# x\nnameserver 1.1.1.1\nnameserver 8.8.8.8 # y\nsearch a.org b.org\ndomain a.org\noptions ndots:5 rotate\n"
    assert dns_from(text) == {
        "nameservers": ["1.1.1.1", "8.8.8.8"],
        "search": ["a.org", "b.org"],
        "domain": "a.org",
        "options": {"ndots": "5", "rotate": True},
    }


def test_the_clock_in_all_spellings(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = facts_system.date_time({}, a_target(), 1700000000.25)["date_time"]
    assert facts["epoch"] == "1700000000" and facts["iso8601"] == "2023-11-14T22:13:20Z"
    assert facts["iso8601_micro"] == "2023-11-14T22:13:20.250000Z" and facts["weekday"] == "Tuesday"


@pytest.mark.parametrize(
    ("words", "there", "gone"),
    [
        (["all"], {"platform", "mounts", "network", "virtual"}, set()),
        (["min"], {"platform", "env", "service_mgr"}, {"mounts", "network", "virtual"}),
        (["!all"], {"platform"}, {"mounts", "network"}),
        (["!all", "!min"], set(), {"platform", "mounts", "network"}),
        (["!all", "!min", "network"], {"network"}, {"platform", "mounts"}),
        (["network"], {"platform", "network", "dns"}, {"mounts"}),
        (["!hardware"], {"platform", "network"}, {"mounts", "memory"}),
        (["all", "!network"], {"mounts"}, {"network"}),
        (["!all", "!min", "distribution"], {"distribution"}, {"platform"}),
    ],
)
def test_subsets(words: list[str], there: set[str], gone: set[str]) -> None:
    assert there <= chosen(words) and not gone & chosen(words)


def test_a_subset_that_does_not_exist_is_told_with_those_that_do() -> None:
    assert "Bad subset 'rubbish'" in run("setup", {"gather_subset": "rubbish"})["msg"]


def test_the_filter_takes_names_with_and_without_prefix() -> None:
    facts = {"os_family": 1, "distribution": 2, "distribution_version": 3}
    assert filtered(facts, ["ansible_distribution*"]) == {"distribution": 2, "distribution_version": 3}
    assert filtered(facts, ["os_family"]) == {"os_family": 1}
    assert filtered(facts, []) == facts


def test_facts_of_the_owner(tmp_path: Path) -> None:
    (tmp_path / "json.fact").write_text('{"a": [1]}')
    (tmp_path / "ini.fact").write_text("[section]\nkey = value\n")
    (tmp_path / "bad.fact").write_text("neither\nnor\n")
    program = tmp_path / "program.fact"
    program.write_text("#!\n")
    program.chmod(0o755)
    (tmp_path / "other.txt").write_text("x")
    broken = tmp_path / "broken.fact"
    broken.write_text("#!\n")
    broken.chmod(0o755)
    rules = (("program.fact", printed('{"made": true}')), ("broken.fact", printed("", 3, "no")))
    target = a_target(FakeProcesses(*rules))
    facts = facts_local.gather({"fact_path": str(tmp_path)}, target)["local"]
    assert facts["json"] == {"a": [1]} and facts["ini"] == {"section": {"key": "value"}}
    assert facts["program"] == {"made": True} and "error loading facts" in facts["bad"]
    assert "rc: 3" in facts["broken"] and len(target.warnings) == 2
    assert set(facts) == {"json", "ini", "bad", "program", "broken"}


def test_addresses_from_the_kernels_bytes() -> None:
    loopback = next(one for one in netlink.addresses() if one.local == "127.0.0.1")
    assert (loopback.prefix, loopback.secondary) == (8, False)
    body = (
        b"\x02\x18\x01\x00\x02\x00\x00\x00" + b"\x08\x00\x02\x00\xc0\x00\x02\x02" + b"\x08\x00\x04\x00\xc0\x00\x02\xff"
    )
    address = netlink._address(body)
    assert (address.local, address.broadcast, address.prefix) == ("192.0.2.2", "192.0.2.255", 24)
    assert (address.interface, address.secondary) == (2, True)


def test_an_interface_with_two_addresses() -> None:
    interface: dict[str, Any] = {}
    first = netlink.Address(2, 2, "192.0.2.2", 24, 0, "192.0.2.255", False)
    facts_network._add_address(interface, first)
    facts_network._add_address(interface, first._replace(local="192.0.2.3", secondary=True))
    facts_network._add_address(interface, netlink.Address(2, 10, "fe80::1", 64, 253, "", False))
    assert interface["ipv4"]["network"] == "192.0.2.0" and interface["ipv4"]["netmask"] == "255.255.255.0"
    assert [one["address"] for one in interface["ipv4_secondaries"]] == ["192.0.2.3"]
    assert interface["ipv6"] == [{"address": "fe80::1", "prefix": "64", "scope": "link"}]


SAME = [
    "architecture",
    "kernel",
    "kernel_version",
    "machine",
    "nodename",
    "hostname",
    "system",
    "userspace_bits",
    "userspace_architecture",
    "distribution",
    "distribution_version",
    "distribution_major_version",
    "distribution_release",
    "distribution_file_variety",
    "os_family",
    "user_id",
    "user_uid",
    "user_gid",
    "user_dir",
    "user_shell",
    "real_user_id",
    "effective_group_id",
    "python_version",
    "service_mgr",
    "pkg_mgr",
    "memtotal_mb",
    "swaptotal_mb",
    "processor",
    "processor_count",
    "processor_cores",
    "processor_vcpus",
    "processor_threads_per_core",
    "processor_nproc",
    "virtualization_type",
    "virtualization_role",
    "cmdline",
    "proc_cmdline",
    "fips",
    "apparmor",
    "dns",
    "product_name",
    "system_vendor",
    "lsb",
    "machine_id",
    "default_ipv4",
    "env",
]


def test_facts_are_those_of_ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = ansible("setup", {"gather_subset": ["!facter", "!ohai"], "gather_timeout": 20}, tmp_path)["ansible_facts"]
    missing = [] if shutil.which("lsb_release") else ["lsb_release"]
    processes = FakeProcesses(("capsh", printed("Current: =ep\n")), missing=missing)
    ours = run("setup", {}, a_target(processes))["ansible_facts"]
    there = [name for name in SAME if "ansible_" + name in theirs]
    assert len(there) > 25  # ansible-core leaves out what it cannot gather in time
    for name in there:
        assert json.loads(json.dumps(ours[name])) == theirs["ansible_" + name], name
    for name in ("interfaces", "all_ipv4_addresses"):
        assert set(theirs.get("ansible_" + name, ours[name])) == set(ours[name])
    assert os.environ["PATH"] == ours["env"]["PATH"]
