"""Facts of machines that are not this one: what /proc, /sys and /etc would hold there, and what Ansible makes of it."""

from __future__ import annotations

import os
import pwd
import socket
import struct
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from provision.agent import facts_hardware, facts_network, facts_system, facts_virtual, netlink
from provision.agent.facts_hardware import memory_from, processor_from
from provision.agent.facts_network import dns_from
from provision.agent.modules import setup
from tests.unit.agent.fakes import FakeProcesses, a_target, printed, run

DMI = "/sys/devices/virtual/dmi/id/"


class Machine:
    """Files by path; a path that ends in / is a folder with nothing in it that anybody reads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: dict[str, str] = {}
        for module in (facts_system, facts_hardware, facts_network, facts_virtual):
            monkeypatch.setattr(module, "text_of", self.text_of)
        monkeypatch.setattr(os.path, "exists", self.exists)
        monkeypatch.setattr(facts_hardware, "_listed", self.listed)

    def text_of(self, path: str, default: str = "") -> str:
        return self.files.get(path, "").strip("\0 \n\t") or default

    def exists(self, path: str) -> bool:
        return any(name == path or name.startswith(path.rstrip("/") + "/") for name in self.files)

    def listed(self, folder: str) -> list[str]:
        inside = [name[len(folder) + 1 :] for name in self.files if name.startswith(folder + "/")]
        return sorted({name.split("/")[0] for name in inside if name})


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def system(monkeypatch: pytest.MonkeyPatch, nodename: str = "tts-1", machine: str = "x86_64") -> None:
    told = SimpleNamespace(sysname="Linux", release="6.1.0-25", version="#1 SMP", machine=machine, nodename=nodename)
    monkeypatch.setattr(os, "uname", lambda: told)


NOTHING = {
    "virtualization_type": "NA",
    "virtualization_role": "NA",
    "virtualization_tech_guest": [],
    "virtualization_tech_host": [],
}


@pytest.mark.parametrize(
    ("files", "kind", "role", "guest", "host"),
    [
        ({DMI + "product_name": "Google Compute Engine", DMI + "sys_vendor": "Google"}, "kvm", "guest", ["kvm"], []),
        ({DMI + "product_name": "KVM"}, "kvm", "guest", ["kvm"], []),
        ({DMI + "product_name": "VMware Virtual Platform"}, "VMware", "guest", ["VMware"], []),
        ({DMI + "product_name": "OpenStack Nova"}, "openstack", "guest", ["openstack"], []),
        ({DMI + "bios_vendor": "innotek GmbH"}, "virtualbox", "guest", ["virtualbox"], []),
        ({DMI + "bios_vendor": "Amazon EC2", DMI + "sys_vendor": "Amazon EC2"}, "kvm", "guest", ["kvm"], []),
        ({DMI + "sys_vendor": "Microsoft Corporation"}, "VirtualPC", "guest", ["VirtualPC"], []),
        ({DMI + "sys_vendor": "Dell Inc.", DMI + "product_name": "R640"}, "NA", "NA", [], []),
        ({"/.dockerenv": ""}, "docker", "guest", ["container", "docker"], []),
        ({"/proc/1/cgroup": "1:name=x:/docker/ab12\n"}, "docker", "guest", ["container", "docker"], []),
        ({"/proc/1/cgroup": "0::/system.slice/docker-ab12.scope"}, "docker", "guest", ["container", "docker"], []),
        ({"/proc/1/cgroup": "0::/system.slice/docker.service"}, "NA", "NA", [], []),
        ({"/proc/1/cgroup": "1:cpu:/lxc/box"}, "lxc", "guest", ["container", "lxc"], []),
        ({"/proc/1/environ": "A=1\0container=podman\0"}, "podman", "guest", ["container", "podman"], []),
        ({"/proc/1/environ": "container=other"}, "container", "guest", ["container"], []),
        ({"/run/systemd/container": "systemd-nspawn"}, "systemd-nspawn", "guest", ["systemd-nspawn"], []),
        ({"/proc/xen/capabilities": "control_d"}, "xen", "host", [], ["xen"]),
        ({"/proc/xen/capabilities": ""}, "xen", "guest", ["xen"], []),
        ({"/proc/cpuinfo": "model name : QEMU Virtual CPU version 2.5+"}, "kvm", "guest", ["kvm"], []),
        ({"/proc/modules": "kvm 1 0\nkvm_intel 1 0"}, "kvm", "host", [], ["kvm"]),
        ({"/dev/kvm": ""}, "kvm", "host", [], ["kvm"]),
        ({"/proc/modules": "vboxdrv 1 0"}, "virtualbox", "host", [], ["virtualbox"]),
        ({"/proc/modules": "virtio 1 0"}, "kvm", "guest", ["kvm"], []),
        ({"/proc/modules": "virtio_net 1 0"}, "NA", "NA", [], []),
    ],
)
def test_what_a_machine_runs_on(
    machine: Machine, files: Mapping[str, str], kind: str, role: str, guest: list[str], host: list[str]
) -> None:
    machine.files.update(files)
    assert facts_virtual.gather({}, a_target()) == {
        "virtualization_type": kind,
        "virtualization_role": role,
        "virtualization_tech_guest": guest,
        "virtualization_tech_host": host,
    }


def test_a_machine_of_iron_that_can_host(machine: Machine) -> None:
    assert facts_virtual.gather({}, a_target()) == NOTHING


def test_the_innermost_finding_counts_and_all_are_listed(machine: Machine) -> None:
    machine.files.update({"/.dockerenv": "", DMI + "sys_vendor": "QEMU", "/dev/kvm": ""})
    facts = facts_virtual.gather({}, a_target())
    assert (facts["virtualization_type"], facts["virtualization_role"]) == ("docker", "guest")
    assert facts["virtualization_tech_guest"] == ["container", "docker", "kvm"]
    assert facts["virtualization_tech_host"] == ["kvm"]


@pytest.mark.parametrize(
    ("nodename", "hosts", "hostname", "fqdn", "domain"),
    [
        ("tts-1", "", "tts-1", "tts-1", ""),
        ("tts-1.example.org", "", "tts-1", "tts-1.example.org", "example.org"),
        ("tts-1", "127.0.1.1 tts-1.example.org tts-1\n", "tts-1", "tts-1.example.org", "example.org"),
        ("tts-1", "127.0.1.1 tts-1 tts-1.example.org\n", "tts-1", "tts-1.example.org", "example.org"),
        ("tts-1", "127.0.0.1 localhost\n127.0.1.1 box tts-1\n", "tts-1", "box", ""),
        ("tts-1", "# 10.0.0.1 x.example.org tts-1\n", "tts-1", "tts-1", ""),
        ("tts-1", "10.0.0.1 other.example.org # tts-1\n", "tts-1", "tts-1", ""),
    ],
)
def test_names_of_a_machine_need_no_name_server(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, nodename: str, hosts: str, hostname: str, fqdn: str, domain: str
) -> None:
    system(monkeypatch, nodename)
    machine.files["/etc/hosts"] = hosts
    facts = facts_system.platform({}, a_target())
    assert (facts["nodename"], facts["hostname"]) == (nodename, hostname)
    assert (facts["fqdn"], facts["domain"]) == (fqdn, domain)


@pytest.mark.parametrize(
    ("kernel_name", "architecture"),
    [("x86_64", "x86_64"), ("i686", "i386"), ("i386", "i386"), ("aarch64", "aarch64"), ("armv7l", "armv7l")],
)
def test_architectures(machine: Machine, monkeypatch: pytest.MonkeyPatch, kernel_name: str, architecture: str) -> None:
    system(monkeypatch, machine=kernel_name)
    facts = facts_system.platform({}, a_target())
    assert (facts["machine"], facts["architecture"]) == (kernel_name, architecture)
    assert (facts["kernel"], facts["system"]) == ("6.1.0-25", "Linux")


def test_a_machine_has_one_id_of_two_files(machine: Machine) -> None:
    machine.files["/etc/machine-id"] = "abc\n"
    assert facts_system.platform({}, a_target())["machine_id"] == "abc"
    machine.files["/var/lib/dbus/machine-id"] = "def\n"
    assert facts_system.platform({}, a_target())["machine_id"] == "def"


def test_os_release_has_a_second_place(machine: Machine) -> None:
    machine.files["/usr/lib/os-release"] = 'ID=ubuntu\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n'
    facts = facts_system.distribution({}, a_target())
    assert (facts["distribution"], facts["distribution_file_path"]) == ("Ubuntu", "/usr/lib/os-release")
    machine.files["/etc/os-release"] = "ID=debian\nVERSION_ID=12\n"
    machine.files["/etc/debian_version"] = "12.7\n"
    facts = facts_system.distribution({}, a_target())
    assert (facts["distribution_version"], facts["distribution_file_path"]) == ("12.7", "/etc/os-release")


@pytest.mark.parametrize(
    ("identity", "name", "family"),
    [
        ("rhel", "RedHat", "RedHat"),
        ("centos", "CentOS", "RedHat"),
        ("almalinux", "AlmaLinux", "RedHat"),
        ("ol", "OracleLinux", "RedHat"),
        ("amzn", "Amazon", "RedHat"),
        ("fedora", "Fedora", "RedHat"),
        ("linuxmint", "Linux Mint", "Debian"),
        ("raspbian", "Debian", "Debian"),
        ("sles", "SLES", "Suse"),
        ("opensuse-leap", "openSUSE Leap", "Suse"),
        ("alpine", "Alpine", "Alpine"),
        ("arch", "Archlinux", "Archlinux"),
    ],
)
def test_names_and_families_are_those_of_ansible(identity: str, name: str, family: str) -> None:
    facts = facts_system.distribution_from(f"ID={identity}\nNAME=whatever\nVERSION_ID=1.2\n")
    assert (facts["distribution"], facts["os_family"]) == (name, family)


LSB = 'DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\nDISTRIB_CODENAME=jammy\nDISTRIB_DESCRIPTION="Ubuntu 22.04.3 LTS"\n'


def test_what_the_lsb_file_says(machine: Machine) -> None:
    machine.files["/etc/lsb-release"] = LSB
    assert facts_system.lsb({}, a_target()) == {
        "lsb": {
            "id": "Ubuntu",
            "description": "Ubuntu 22.04.3 LTS",
            "release": "22.04",
            "codename": "jammy",
            "major_release": "22",
        }
    }


def test_without_an_lsb_file_os_release_answers_where_lsb_is_installed(machine: Machine) -> None:
    machine.files["/etc/os-release"] = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n'
    with_it = a_target(FakeProcesses())
    without = a_target(FakeProcesses(missing=["lsb_release"]))
    wanted = {"id": "Debian", "description": "Debian GNU/Linux 12", "release": "12", "major_release": "12"}
    assert facts_system.lsb({}, with_it) == {"lsb": wanted}
    assert facts_system.lsb({}, without) == {"lsb": {}}


@pytest.mark.parametrize(
    ("first", "files", "manager"),
    [
        ("systemd", {}, "systemd"),
        ("init", {}, "sysvinit"),
        ("init", {"/run/systemd/system/": ""}, "systemd"),
        ("bash", {}, "sysvinit"),
        ("", {"/run/systemd/system/": ""}, "systemd"),
        ("procd", {}, "openwrt_init"),
        ("runit-init", {}, "runit"),
        ("tini", {}, "tini"),
    ],
)
def test_what_process_1_is(machine: Machine, first: str, files: Mapping[str, str], manager: str) -> None:
    machine.files.update(files, **{"/proc/1/comm": first + "\n"})
    assert facts_system.service_mgr({}, a_target()) == {"service_mgr": manager}


@pytest.mark.parametrize(
    ("paths", "name"),
    [
        (["/usr/bin/apt-get"], "apt"),
        (["/usr/bin/dnf", "/usr/bin/yum"], "dnf"),
        (["/usr/bin/yum"], "yum"),
        (["/sbin/apk"], "apk"),
        ([], "unknown"),
    ],
)
def test_the_program_that_installs_packages(machine: Machine, paths: list[str], name: str) -> None:
    machine.files.update(dict.fromkeys(paths, "x"))
    assert facts_system.pkg_mgr({}, a_target()) == {"pkg_mgr": name}


def test_guards_of_the_kernel(machine: Machine) -> None:
    target = a_target()
    assert facts_system.selinux({}, target)["selinux"] == {"status": "disabled"}
    assert facts_system.apparmor({}, target)["apparmor"] == {"status": "disabled"}
    assert facts_system.fips({}, target) == {"fips": False}
    machine.files.update({"/sys/fs/selinux/enforce": "1", "/sys/kernel/security/apparmor/": ""})
    machine.files["/proc/sys/crypto/fips_enabled"] = "1\n"
    assert facts_system.selinux({}, target)["selinux"] == {"status": "enabled", "mode": "enforcing"}
    assert facts_system.apparmor({}, target)["apparmor"] == {"status": "enabled"}
    assert facts_system.fips({}, target) == {"fips": True}
    machine.files["/sys/fs/selinux/enforce"] = "0"
    assert facts_system.selinux({}, target)["selinux"]["mode"] == "permissive"


def test_words_of_the_kernels_command_line(machine: Machine) -> None:
    machine.files["/proc/cmdline"] = "quiet root=UUID=ab console=tty0 console=ttyS0 console=ttyS1\n"
    facts = facts_system.cmdline({}, a_target())
    assert facts["cmdline"] == {"quiet": True, "root": "UUID=ab", "console": "ttyS1"}
    assert facts["proc_cmdline"] == {"quiet": True, "root": "UUID=ab", "console": ["tty0", "ttyS0", "ttyS1"]}


@pytest.mark.parametrize(
    ("told", "facts"),
    [
        ("Current: =ep\nBounding set =x\n", {"system_capabilities_enforced": "False", "system_capabilities": []}),
        (
            "Current: = cap_chown,cap_kill+ep\n",
            {"system_capabilities_enforced": "True", "system_capabilities": ["cap_chown", "cap_kill+ep"]},
        ),
        ("rubbish\n", {}),
    ],
)
def test_capabilities(told: str, facts: Mapping[str, Any]) -> None:
    processes = FakeProcesses(("capsh --print", printed(told)))
    assert facts_system.capabilities({}, a_target(processes)) == facts
    assert facts_system.capabilities({}, a_target(FakeProcesses(missing=["capsh"]))) == {}


def test_public_host_keys(machine: Machine) -> None:
    machine.files["/etc/ssh/ssh_host_ed25519_key.pub"] = "ssh-ed25519 AAAA root@box\n"
    machine.files["/etc/ssh/ssh_host_rsa_key.pub"] = "broken\n"
    assert facts_system.ssh_host_keys({}, a_target()) == {
        "ssh_host_key_ed25519_public": "AAAA",
        "ssh_host_key_ed25519_public_keytype": "ssh-ed25519",
    }


def test_a_user_without_an_account_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> Any:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    facts = facts_system.user({}, a_target())
    assert (facts["user_id"], facts["user_uid"]) == ("4711", 4711)


def test_the_clock_of_another_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    try:
        facts = facts_system.date_time({}, a_target(), 1_720_000_000.125)["date_time"]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (facts["time"], facts["tz"], facts["tz_offset"], facts["tz_dst"]) == ("11:46:40", "CEST", "+0200", "CEST")
    assert facts["iso8601"] == "2024-07-03T09:46:40Z" and facts["iso8601_micro"].endswith("40.125000Z")
    assert facts["iso8601_basic"] == "20240703T114640125000" and facts["weekday_number"] == "3"


ARM = "processor\t: 0\nmodel name\t: Neoverse\nprocessor\t: 1\nmodel name\t: Neoverse\n"
ONE_SOCKET = "processor: 0\nvendor_id: X\nphysical id: 0\nsiblings: 2\ncore id: 0\ncpu cores: 1\n"


@pytest.mark.parametrize(
    ("text", "kernel_name", "numbers"),
    [
        (ONE_SOCKET + ONE_SOCKET.replace("processor: 0", "processor: 1"), "x86_64", (1, 1, 2, 2, 2)),
        ("processor: 0\nvendor_id: X\n\nprocessor: 1\nvendor_id: X\n", "x86_64", (2, 1, 1, 2, 2)),
        (ARM, "aarch64", (2, 1, 1, 2, 2)),
        (ARM, "armv7l", (2, 1, 1, 2, 2)),
    ],
)
def test_processors(text: str, kernel_name: str, numbers: tuple[int, ...]) -> None:
    facts = processor_from(text, kernel_name)
    names = ("count", "cores", "threads_per_core", "vcpus", "nproc")
    assert tuple(facts["processor_" + name] for name in names) == numbers


def test_processors_that_this_process_may_use_are_counted(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    system(monkeypatch)
    machine.files["/proc/cpuinfo"] = "processor: 0\nvendor_id: X\n" * 8
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 5})
    assert facts_hardware.processor({}, a_target())["processor_nproc"] == 3


def test_swap_and_what_is_used() -> None:
    text = "MemTotal: 8192 kB\nMemFree: 2048 kB\nSwapTotal: 4096 kB\nSwapFree: 1024 kB\nSwapCached: 2048 kB\nodd\n"
    facts = memory_from(text)
    assert facts["memory_mb"]["real"] == {"total": 8, "used": 6, "free": 2}
    assert facts["memory_mb"]["swap"] == {"total": 4, "free": 1, "used": 3, "cached": 2}
    assert (facts["swaptotal_mb"], facts["swapfree_mb"]) == (4, 1)


def test_uptime(machine: Machine) -> None:
    assert facts_hardware.uptime({}, a_target()) == {}
    machine.files["/proc/uptime"] = "5025.72 9000.01\n"
    assert facts_hardware.uptime({}, a_target()) == {"uptime_seconds": 5025}


@pytest.mark.parametrize(
    ("kind", "form"), [("", "NA"), ("1", "Other"), ("3", "Desktop"), ("10", "Notebook"), ("99", "Unknown")]
)
def test_what_the_board_says(machine: Machine, kind: str, form: str) -> None:
    machine.files.update({DMI + "sys_vendor": "Google\n", DMI + "chassis_type": kind})
    facts = facts_hardware.dmi({}, a_target())
    assert (facts["system_vendor"], facts["product_serial"], facts["form_factor"]) == ("Google", "NA", form)


def test_block_devices_with_their_partitions(machine: Machine) -> None:
    disk = "/sys/block/sda"
    machine.files.update(
        {
            f"{disk}/size": "20971520",
            f"{disk}/queue/logical_block_size": "4096",
            f"{disk}/queue/rotational": "0",
            f"{disk}/removable": "0",
            f"{disk}/device/model": "PersistentDisk ",
            f"{disk}/holders/dm-0": "",
            f"{disk}/sda1/size": "2097152",
            f"{disk}/sda1/start": "2048",
            "/dev/disk/by-uuid/ab-cd": "",
        }
    )
    [(name, facts)] = facts_hardware.devices({}, a_target())["devices"].items()
    assert (name, facts["model"], facts["vendor"], facts["virtual"]) == ("sda", "PersistentDisk", None, 0)
    assert (facts["size"], facts["sectors"], facts["sectorsize"]) == ("10.00 GB", 20971520, "4096")
    assert facts["holders"] == ["dm-0"] and list(facts["partitions"]) == ["sda1"]
    part = facts["partitions"]["sda1"]
    assert (part["start"], part["sectors"], part["size"], part["uuid"]) == ("2048", "2097152", "1.00 GB", None)


MOUNTS = r"""sysfs /sys sysfs rw 0 0
/dev/sda1 / ext4 rw,relatime 0 1
/dev/sdb1 /srv/my\040files\011x\134y ext4 ro 0 2
server:/export /mnt nfs4 rw 0 0
/dev/none /nowhere none rw 0 0
tmpfs /run tmpfs rw 0 0
short line
"""


def test_mounts_of_devices_and_of_the_network(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def statvfs(path: str) -> Any:
        if path == "/mnt":
            raise OSError("stale")
        return SimpleNamespace(f_frsize=4096, f_blocks=1000, f_bavail=400, f_bsize=4096, f_files=50, f_favail=20)

    monkeypatch.setattr(os, "statvfs", statvfs)
    machine.files["/proc/mounts"] = MOUNTS
    root, second, network = facts_hardware.mounts({}, a_target())["mounts"]
    assert (root["mount"], root["device"], root["fstype"], root["passno"]) == ("/", "/dev/sda1", "ext4", 1)
    assert (root["size_total"], root["size_available"], root["block_used"]) == (4096000, 1638400, 600)
    assert (root["inode_used"], root["uuid"]) == (30, "N/A")
    assert second["mount"] == "/srv/my files\tx\\y" and second["options"] == "ro"
    assert network["device"] == "server:/export" and "size_total" not in network


@pytest.mark.parametrize(
    ("text", "dns"),
    [
        ("", {}),
        ("nameserver\n; no\n", {}),
        ("nameserver 10.0.0.2\nnameserver 10.0.0.3\n", {"nameservers": ["10.0.0.2", "10.0.0.3"]}),
        ("search a b\nsearch c\n", {"search": ["c"]}),
        ("options timeout:1 edns0\n", {"options": {"timeout": "1", "edns0": True}}),
        ("sortlist 10.0.0.0/8\n", {"sortlist": ["10.0.0.0/8"]}),
    ],
)
def test_name_servers(text: str, dns: Mapping[str, Any]) -> None:
    assert dns_from(text) == dns


V4, V6 = socket.AF_INET, socket.AF_INET6
ADDRESSES = [
    netlink.Address(1, V4, "127.0.0.1", 8, 254, "", False),
    netlink.Address(1, V6, "::1", 128, 254, "", False),
    netlink.Address(2, V4, "10.128.0.5", 20, 0, "10.128.15.255", False),
    netlink.Address(2, V4, "10.128.0.6", 20, 0, "", True),
    netlink.Address(2, V6, "fe80::1", 64, 253, "", False),
    netlink.Address(9, V4, "192.0.2.9", 24, 0, "", False),
]


@pytest.fixture
def network(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(facts_network.socket, "if_nameindex", lambda: [(1, "lo"), (2, "ens4"), (3, "br-ab:1")])
    monkeypatch.setattr(facts_network, "addresses", lambda: list(ADDRESSES))
    route = netlink.Route(2, "10.128.0.5", "10.128.0.1")
    monkeypatch.setattr(facts_network, "route_to", lambda to: None if ":" in to else route)
    card = "/sys/class/net/ens4/"
    machine.files.update({card + "address": "42:01:0a:80:00:05", card + "mtu": "1460", card + "operstate": "up"})
    machine.files.update({card + "type": "1", card + "flags": "0x1103", card + "speed": "1000"})
    machine.files.update({"/sys/class/net/lo/address": "00:00:00:00:00:00", "/sys/class/net/lo/type": "772"})
    machine.files["/sys/class/net/br-ab:1/operstate"] = "down"
    return machine


def test_interfaces_with_their_addresses(network: Machine) -> None:
    facts = facts_network.gather({}, a_target())
    assert facts["interfaces"] == ["lo", "ens4", "br-ab:1"]
    card = facts["ens4"]
    assert (card["macaddress"], card["mtu"], card["type"], card["speed"]) == ("42:01:0a:80:00:05", 1460, "ether", 1000)
    assert (card["active"], card["promisc"]) == (True, True)
    assert card["ipv4"] == {
        "address": "10.128.0.5",
        "broadcast": "10.128.15.255",
        "netmask": "255.255.240.0",
        "network": "10.128.0.0",
        "prefix": "20",
    }
    assert [one["address"] for one in card["ipv4_secondaries"]] == ["10.128.0.6"]
    assert "macaddress" not in facts["lo"] and facts["lo"]["type"] == "loopback" and facts["lo"]["promisc"] is False
    assert facts["lo"]["ipv6"] == [{"address": "::1", "prefix": "128", "scope": "host"}]


def test_names_that_are_no_variables_get_underscores(network: Machine) -> None:
    facts = facts_network.gather({}, a_target())
    assert facts["br_ab_1"]["device"] == "br-ab:1" and facts["br_ab_1"]["active"] is False


def test_all_addresses_are_those_of_known_interfaces_but_for_loopback(network: Machine) -> None:
    facts = facts_network.gather({}, a_target())
    assert facts["all_ipv4_addresses"] == ["10.128.0.5", "10.128.0.6"]
    assert facts["all_ipv6_addresses"] == ["fe80::1"]


def test_the_way_to_the_world(network: Machine) -> None:
    facts = facts_network.gather({}, a_target())
    default = facts["default_ipv4"]
    assert (default["interface"], default["gateway"], default["alias"]) == ("ens4", "10.128.0.1", "ens4")
    assert (default["address"], default["netmask"], default["mtu"]) == ("10.128.0.5", "255.255.240.0", 1460)
    assert default["macaddress"] == "42:01:0a:80:00:05" and facts["default_ipv6"] == {}


def test_a_way_through_an_interface_that_just_went_is_none(network: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_network, "route_to", lambda to: netlink.Route(7, "10.0.0.1", ""))
    assert facts_network.gather({}, a_target())["default_ipv4"] == {}


def test_a_kernel_that_cannot_be_asked_has_no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> Any:
        raise OSError("no netlink here")

    monkeypatch.setattr(netlink, "_ask", refuse)
    assert (netlink.addresses(), netlink.route_to("8.8.8.8")) == ([], None)


def test_a_route_from_the_kernels_bytes() -> None:
    def attribute(kind: int, data: bytes) -> bytes:
        return struct.pack("=HH", 4 + len(data), kind) + data

    head = b"\x02\x20\0\0\xfe\x03\0\x01" + b"\0" * 4
    attributes = attribute(4, struct.pack("=I", 2)) + attribute(7, bytes([10, 0, 0, 5])) + attribute(5, bytes(4))
    assert netlink._route(head + attributes, V4) == netlink.Route(2, "10.0.0.5", "0.0.0.0")
    assert netlink._route(head, V4) == netlink.Route(0, "", "")


def test_only_the_chosen_subsets_are_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    gathered: list[str] = []

    def gatherer(name: str) -> Any:
        return lambda args, target: gathered.append(name) or {name + "_fact": 1}

    for name in setup._SUBSETS:
        monkeypatch.setitem(setup._SUBSETS, name, gatherer(name))
    result = run("setup", {"gather_subset": ["!all", "!min", "dns", "memory"]})
    assert gathered == ["memory", "dns"] and result["changed"] is False
    assert result["ansible_facts"] == {
        "memory_fact": 1,
        "dns_fact": 1,
        "gather_subset": ["!all", "!min", "dns", "memory"],
        "module_setup": True,
    }
    gathered.clear()
    result = run("setup", {"gather_subset": "min,virtual", "filter": ["ansible_virt*", "env_fact"]})
    assert set(gathered) == setup._GROUPS["min"] | {"virtual"}
    assert result["ansible_facts"] == {"virtual_fact": 1, "env_fact": 1}


def test_gathering_facts_starts_no_program_but_one(monkeypatch: pytest.MonkeyPatch) -> None:
    processes = FakeProcesses(("capsh", printed("Current: =ep\n")))
    for check in (False, True):
        assert run("setup", {"fact_path": "/no/such"}, a_target(processes, check=check))["changed"] is False
    assert processes.lines == ["/bin/capsh --print"] * 2
