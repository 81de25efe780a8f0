"""Machines of the local cloud for real: boot, ssh, firewall, reboot, neighbours, and nothing left behind."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.local import LocalCloud, serve
from provision.local.docker_engine import OWNER, connect
from provision.settings import Folders
from tests.docker.local_machines import ZONE, Machine, Operator, Refused, eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", autouse=True)
def docker() -> None:
    try:
        connect().close()
    except ProvisionError as problem:
        pytest.skip(f"{problem.what}: {problem.why}")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("local-machines")
    return Folders(root / "state", root / "cache", root / "config")


@pytest.fixture(scope="module")
def operator(folders: Folders, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with serve(folders) as cloud:
        try:
            user = Operator(cloud, tmp_path_factory.mktemp("operator"))
            user.open_port("allow-ssh", 22)
            yield user
        finally:
            cloud.machines.remove_everything()
            assert left_of(cloud) == []


@pytest.fixture(scope="module")
def machine(operator: Operator) -> Machine:
    made = operator.create("first")
    made.arrive()
    return made


def left_of(cloud: LocalCloud) -> list[str]:
    """Names of all Docker objects of this cloud."""
    mine = f"label={OWNER}={cloud.machines.owner}"
    listings = (["ps", "-a", "--format", "{{.Names}}"], ["volume", "ls", "-q"], ["network", "ls", "-q"])
    return [
        line
        for listing in listings
        for line in subprocess.check_output(["docker", *listing, "--filter", mine], text=True).split()
    ]


# Boot


def test_sshd_answers_soon_after_the_start(operator: Operator) -> None:
    """Two to four seconds on an idle computer; this one may be busy."""
    operator.create("hurried")
    fresh = operator.machine("hurried")
    assert eventually(lambda: fresh.answers(22, 0.2), 30)
    operator.do("DELETE", fresh.path)


def test_systemd_is_the_first_process_and_well(machine: Machine) -> None:
    assert machine.run("cat /proc/1/comm") == "systemd"
    assert machine.run("systemctl is-system-running --wait") == "running"


def test_the_user_of_the_metadata_may_do_everything_with_sudo(machine: Machine) -> None:
    assert machine.run("sudo -n id -u; id -un").split() == ["0", "operator"]
    assert "# Added by Google" in machine.run("cat ~/.ssh/authorized_keys")


def test_nobody_else_gets_in(machine: Machine) -> None:
    assert machine.ssh("true", user="root").returncode == 255
    settings = machine.run("sudo sshd -T").splitlines()
    assert {"passwordauthentication no", "permitrootlogin no", "usedns no"} <= set(settings)


def test_another_host_key_is_not_accepted(machine: Machine) -> None:
    other = Machine(machine.operator, "impostor", machine.zone, machine.address)
    known = machine.operator.folder / "known_hosts-impostor"
    known.write_text(
        f"{machine.address} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHr2BvYeIS8gF5uuaw4zO6fXkAEZHNbfGzkCJPPM1tMn\n"
    )
    done = other.ssh("true")
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


def test_python_and_the_package_manager_are_there(machine: Machine) -> None:
    assert machine.run("python3 -c 'import sys; print(sys.version_info >= (3, 8))'") == "True"
    machine.run("test ! -e /usr/sbin/policy-rc.d")
    assert "bookworm-security" in machine.run("cat /etc/apt/sources.list")


def test_the_certificates_of_this_computer_are_trusted(machine: Machine) -> None:
    anchors = list(Path("/usr/local/share/ca-certificates").rglob("*.crt"))
    if not anchors:
        pytest.skip("this computer has no certificates of its own")
    found = machine.run("ls /usr/local/share/ca-certificates/ | grep -c provision-host")
    assert int(found) >= len(anchors)
    bundle = machine.run("cat /etc/ssl/certs/ca-certificates.crt")
    for anchor in anchors:
        body = anchor.read_text().split("-----BEGIN CERTIFICATE-----")[1].split("-----END")[0].strip()
        assert body in bundle


def test_what_is_written_much_lies_on_volumes(machine: Machine) -> None:
    for path in ("/var/cache", "/var/lib/docker", "/opt", "/var/lib/moshi-server"):
        machine.run(f"mountpoint -q {path}")


def test_the_serial_port_shows_the_boot(machine: Machine) -> None:
    output = machine.operator.api("GET", f"{machine.path}/serialPort")
    assert "Started ssh.service" in output["contents"]
    assert "GCE Agent Started" in output["contents"]
    assert int(output["next"]) > 0


def test_a_startup_script_runs_at_boot(operator: Operator) -> None:
    key = operator.key.with_suffix(".pub").read_text().strip()
    items = [
        {"key": "ssh-keys", "value": f"operator:{key}"},
        {"key": "enable-guest-attributes", "value": "TRUE"},
        {"key": "startup-script", "value": "#!/bin/bash\necho ${BASH_VERSION%%.*} > /root/started"},
    ]
    made = operator.create("scripted", metadata={"items": items})
    made.arrive()
    assert eventually(lambda: made.ssh("sudo cat /root/started").stdout.strip()) == "5"
    operator.do("DELETE", made.path)


# Metadata


def test_a_key_taken_out_of_the_metadata_is_shut_out_and_comes_back(machine: Machine) -> None:
    before = machine.operator.api("GET", machine.path)["metadata"]
    machine.run("echo '# my own line' >> ~/.ssh/authorized_keys")
    without = [item for item in before["items"] if item["key"] != "ssh-keys"]
    fingerprint = before["fingerprint"]
    machine.operator.do("POST", f"{machine.path}/setMetadata", {"fingerprint": fingerprint, "items": without})
    assert machine.ssh("true").returncode == 255
    fingerprint = machine.operator.api("GET", machine.path)["metadata"]["fingerprint"]
    again = [*without, next(item for item in before["items"] if item["key"] == "ssh-keys")]
    machine.operator.do("POST", f"{machine.path}/setMetadata", {"fingerprint": fingerprint, "items": again})
    assert "# my own line" in machine.run("cat ~/.ssh/authorized_keys")


# Firewall


def test_a_port_is_closed_until_a_rule_opens_it_and_after_the_rule_is_gone(machine: Machine) -> None:
    machine.run("sudo systemd-run --unit web --collect python3 -m http.server 8080")
    machine.run("for n in $(seq 50); do curl -so /dev/null localhost:8080 && exit 0; sleep 0.1; done; exit 1")
    assert not machine.answers(8080)
    machine.operator.open_port("allow-web", 8080, targetTags=["first"])
    assert machine.answers(8080)
    machine.operator.do("PATCH", "global/firewalls/allow-web", {"sourceRanges": ["192.0.2.1/32"]})
    assert not machine.answers(8080)
    machine.operator.do(
        "PATCH", "global/firewalls/allow-web", {"sourceRanges": ["0.0.0.0/0"], "targetTags": ["nobody"]}
    )
    assert not machine.answers(8080)
    machine.operator.do("PATCH", "global/firewalls/allow-web", {"targetTags": ["first"]})
    assert machine.answers(8080)
    machine.operator.do("DELETE", "global/firewalls/allow-web")
    assert not machine.answers(8080)
    machine.run("sudo systemctl stop web")


def test_a_denial_of_higher_priority_wins(machine: Machine) -> None:
    machine.run("sudo systemd-run --unit web --collect python3 -m http.server 8081")
    machine.run("for n in $(seq 50); do curl -so /dev/null localhost:8081 && exit 0; sleep 0.1; done; exit 1")
    machine.operator.open_port("open-8081", 8081)
    denial = {"name": "no-8081", "priority": 900, "denied": [{"IPProtocol": "tcp", "ports": ["8000-9000"]}]}
    machine.operator.do("POST", "global/firewalls", denial)
    assert not machine.answers(8081)
    machine.operator.do("DELETE", "global/firewalls/no-8081")
    assert machine.answers(8081)
    machine.operator.do("DELETE", "global/firewalls/open-8081")
    machine.run("sudo systemctl stop web")


# Its life


def test_a_reboot_keeps_address_host_keys_files_and_firewall(machine: Machine) -> None:
    keys, boot = machine.host_keys(), machine.run("cat /proc/1/stat").split()[21]
    machine.run("echo kept > ~/kept; echo cached | sudo tee /var/cache/kept")
    machine.ssh("sudo systemctl reboot")
    assert eventually(lambda: machine.ssh("cat /proc/1/stat").stdout.split()[21:22] not in ([], [boot]))
    assert machine.run("cat ~/kept /var/cache/kept").split() == ["kept", "cached"]
    assert machine.host_keys() == keys
    assert machine.status == "RUNNING"
    assert not machine.answers(8080)
    assert "counter" in machine.run("sudo nft list table inet provision_firewall")


def test_switched_off_inside_it_stays_off_until_it_is_started(machine: Machine) -> None:
    machine.run("echo mine > ~/before")
    machine.ssh("sudo systemctl poweroff")
    assert eventually(lambda: machine.status == "TERMINATED")
    time.sleep(2)
    assert machine.status == "TERMINATED"
    machine.operator.do("POST", f"{machine.path}/start")
    machine.arrive()
    assert machine.run("cat ~/before") == "mine"


def test_stop_start_and_reset_over_the_api(machine: Machine) -> None:
    machine.operator.do("POST", f"{machine.path}/stop")
    assert machine.status == "TERMINATED"
    assert not machine.answers(22)
    machine.operator.do("POST", f"{machine.path}/start")
    machine.arrive()
    boot = machine.run("cat /proc/1/stat").split()[21]
    machine.operator.do("POST", f"{machine.path}/reset")
    machine.arrive()
    assert machine.run("cat /proc/1/stat").split()[21] != boot


def test_two_machines_live_side_by_side_and_reach_each_other_only_where_a_rule_says_so(
    machine: Machine, operator: Operator
) -> None:
    second = operator.create("second")
    second.arrive()
    assert second.address != machine.address
    assert second.host_keys() != machine.host_keys()
    reach = f"python3 -c 'import socket; socket.create_connection((\"{machine.address}\", 22), 2)'"
    assert second.ssh(reach).returncode != 0
    second.run(f"ping -c 1 -W 2 {machine.address}")
    rule = {"name": "inside", "allowed": [{"IPProtocol": "tcp"}], "sourceTags": ["second"], "targetTags": ["first"]}
    operator.do("POST", "global/firewalls", rule)
    second.run(reach)
    assert second.run("getent hosts first").split()[0] == machine.address
    operator.do("DELETE", "global/firewalls/inside")
    operator.do("DELETE", second.path)
    assert not any("second" in name for name in left_of(operator.cloud))
    machine.run("true")


# The cloud


def test_a_second_process_on_the_same_state_sees_and_uses_the_same_machines(machine: Machine, folders: Folders) -> None:
    with serve(folders) as other:
        same = Operator(other, machine.operator.folder).machine("first")
        assert (same.address, same.status) == (machine.address, "RUNNING")
    machine.run("true")


def test_another_state_folder_is_another_cloud(machine: Machine, tmp_path: Path) -> None:
    elsewhere = Folders(tmp_path / "state", tmp_path / "cache", tmp_path / "config")
    with serve(elsewhere) as other:
        stranger = Operator(other, machine.operator.folder)
        with pytest.raises(Refused, match="was not found"):
            stranger.machine("first")
        other.machines.remove_everything()
        assert left_of(other) == []
    machine.run("true")


def test_two_inserts_at_the_same_time_are_two_machines(operator: Operator) -> None:
    made: list[Machine] = []
    threads = [threading.Thread(target=lambda n=n: made.append(operator.create(f"twin{n}"))) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len({twin.address for twin in made}) == 2
    for twin in made:
        operator.do("DELETE", twin.path)


def test_the_last_delete_leaves_no_container_volume_or_network(folders: Folders, tmp_path: Path) -> None:
    elsewhere = Folders(tmp_path / "state", tmp_path / "cache", tmp_path / "config")
    with serve(elsewhere) as cloud:
        alone = Operator(cloud, tmp_path).create("alone")
        assert len(left_of(cloud)) == 6
        cloud_operator = alone.operator
        cloud_operator.do("DELETE", f"zones/{ZONE}/instances/alone")
        assert left_of(cloud) == []


def test_systemd_boots_where_control_groups_are_version_two_and_read_only(machine: Machine) -> None:
    """As Docker mounts them on newer systems; here such a tree is mounted by hand, before our first process."""
    image = subprocess.check_output(
        ["docker", "inspect", "-f", "{{.Config.Image}}", machine.operator.cloud.machines.container(ZONE, "first")],
        text=True,
    ).strip()
    prepare = "mount -t cgroup2 -o ro none /sys/fs/cgroup && mount -o remount,bind,ro /sys/fs/cgroup"
    rules = "mkdir -p /etc/provision-machine && echo 'table inet x { }' > /etc/provision-machine/firewall.nft"
    script = f"({prepare}) || exit 9; {rules}; exec /usr/local/sbin/provision-machine-init"
    flags = ["--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE", "--cgroupns", "private", "--tmpfs", "/run", "-t", "-d"]
    flags += ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]
    name = f"provision-test-cgroup2-{machine.operator.cloud.machines.owner}"
    subprocess.run(
        ["docker", "run", "--name", name, *flags, "--entrypoint", "/bin/sh", image, "-c", script],
        check=True,
        capture_output=True,
    )
    try:

        def state() -> str:
            asked = ["docker", "exec", name, "systemctl", "is-system-running"]
            return subprocess.run(asked, capture_output=True, text=True).stdout.strip()

        status = ["docker", "inspect", "-f", "{{.State.ExitCode}}", name]
        if subprocess.check_output(status, text=True).strip() == "9":
            pytest.skip("this kernel gives no control groups of version two to a container")
        assert eventually(lambda: state() == "running")
    finally:
        subprocess.run(["docker", "rm", "-f", name], check=True, capture_output=True)
