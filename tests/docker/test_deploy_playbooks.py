"""The shipped roles on a real machine: systemd, sshd, apt. A stand-in takes the place of the compiled moshi-server.

Ansible is the oracle: what our engine has deployed, ansible-playbook with the same files finds nothing to change in.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision import shipped, tasks
from provision.deploy import DeployOptions, ansible_command
from provision.engine.options import RunOptions
from provision.engine.run import run
from provision.inventory import load
from provision.model import Result
from provision.playbook import read_playbook
from provision.settings import Folders
from tests.lab import Lab, Story, machine, needs_docker

pytestmark = [pytest.mark.docker, needs_docker, pytest.mark.timeout(900)]

PLAYBOOKS = shipped.folder("playbooks")
STAND_IN = Path(__file__).parent / "stand_in_server.py"
UNIT = "moshi-tts"
CARGO = "#!/bin/sh\\necho cargo 1.90.0\\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One machine for all tests of this file; they go on where the one before has ended."""
    place = tmp_path_factory.mktemp("deploy")
    with machine("tts-1", Folders(place / "state", place / "cache", place / "config")) as made:
        yield made


@pytest.fixture(scope="module")
def speaking(lab: Lab) -> Lab:
    """The machine with the stand-in deployed, by our engine."""
    python, glibc = (
        lab.out("python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'"),
        lab.out("getconf GNU_LIBC_VERSION"),
    )
    name = f"moshi-server-0.6.4-cpu-py{python}-glibc{glibc.split()[1]}-x86_64"
    lab.folders.artifacts.mkdir(parents=True, exist_ok=True)
    (lab.folders.artifacts / name).write_bytes(STAND_IN.read_bytes())
    story = lab.deploy(voice_model="tone")
    assert not story.titles("failed"), story.results
    assert story.data["binary"] == {"version": "0.6.4", "name": name, "source": "artifact"}
    return lab


def play(lab: Lab, playbook: str, **extra: Any) -> Story:
    """One of the small playbooks, by our engine."""
    options = RunOptions(extra_vars={"moshi_hosts": lab.name, **extra})
    return Story(list(run(read_playbook(PLAYBOOKS / playbook), load([lab.inventory]), options)))


def fact(story: Story, name: str) -> Any:
    found = [
        result.data["ansible_facts"][name] for result in story.results if name in result.data.get("ansible_facts", {})
    ]
    return found[-1]


# -- the parts ---------------------------------------------------------------------------------------------------------


def test_a_machine_without_a_gpu_is_seen_as_one(lab: Lab) -> None:
    story = play(lab, "nvidia.yml", gpu_pci_root="/nowhere")
    assert fact(story, "gpu_present") is False
    assert story.titles("failed") == ["nvidia_driver : Refuse machines without an NVIDIA GPU"]


def test_a_gpu_is_known_by_its_pci_ids(lab: Lab) -> None:
    lab.out(
        "mkdir -p /tmp/pci/0 /tmp/pci/1 /tmp/pci/2 && cd /tmp/pci && "
        "echo 0x8086 > 0/vendor; echo 0x030000 > 0/class; echo 0x1111 > 0/device; "
        "echo 0x10de > 1/vendor; echo 0x040300 > 1/class; echo 0x22bb > 1/device; "
        "echo 0x10de > 2/vendor; echo 0x030200 > 2/class; echo 0x27b8 > 2/device"
    )
    story = play(lab, "cuda.yml", gpu_pci_root="/tmp/pci", cuda_version="11.0")
    told = [fact(story, f"gpu_{name}") for name in ("present", "count", "model", "compute_cap")]
    assert [str(value) for value in told] == ["True", "1", "L4", "8.9"]


def test_a_cuda_that_does_not_fit_the_gpu_is_refused_before_anything_is_installed(lab: Lab) -> None:
    story = play(lab, "cuda.yml", gpu_pci_root="/tmp/pci", cuda_version="11.0")
    assert story.titles("failed") == ["cuda_toolkit : Refuse combinations that cannot work"]
    assert "12.1" in str(story.results[-1].data["msg"])


def test_without_cargo_and_without_a_way_to_it_the_error_says_where_it_looked_and_what_to_do(lab: Lab) -> None:
    story = play(lab, "rust.yml", rust_packages=["no-such-package"], rustup_init_url="http://127.0.0.1:9/rustup-init")
    message = str(story.results[-1].data["msg"])
    assert "none to be had" in message and "http://127.0.0.1:9/rustup-init" in message
    assert f"/usr/local/bin of {lab.name}" in message


def test_cargo_comes_by_rustup_where_the_distribution_has_none(lab: Lab) -> None:
    make = f"mkdir -p $CARGO_HOME/bin; printf {shlex.quote(CARGO)} > $CARGO_HOME/bin/cargo"
    script = f"#!/bin/sh\n{make}; chmod +x $CARGO_HOME/bin/cargo\n"
    lab.out(f"mkdir -p /srv/mirror && printf %s {shlex.quote(script)} > /srv/mirror/rustup-init")
    lab.out("systemd-run --unit mirror --working-directory /srv/mirror python3 -m http.server --bind 127.0.0.1 8099")
    lab.eventually("curl -sf -o /dev/null -w '%{http_code}' http://127.0.0.1:8099/rustup-init", "200")
    choice = {"rust_packages": ["no-such-package"], "rustup_init_url": "http://127.0.0.1:8099/rustup-init"}
    assert fact(play(lab, "rust.yml", **choice), "rust_cargo") == "/var/cache/provision/cargo/bin/cargo"
    assert play(lab, "rust.yml", **choice).titles("changed") == []
    lab.out("rm -rf /var/cache/provision; systemctl stop mirror")


# -- the whole ---------------------------------------------------------------------------------------------------------


def test_a_dry_run_on_a_fresh_machine_changes_nothing(lab: Lab) -> None:
    story = lab.deploy(voice_model="tone", check=True)
    assert story.titles("changed") and not story.titles("failed")
    assert lab.run("ls -d /opt/moshi-server /etc/moshi-server; id moshi").stdout == ""
    assert not lab.folders.keys.exists()


def test_the_service_runs_as_its_own_user_without_any_right(speaking: Lab) -> None:
    status = speaking.out(f"cat /proc/$(systemctl show -p MainPID --value {UNIT})/status")
    assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status
    assert speaking.out(f"ps -o user= -p $(systemctl show -p MainPID --value {UNIT})") == "moshi"


def test_the_unit_is_well_locked_in(speaking: Lab) -> None:
    said = speaking.out(f"systemd-analyze security {UNIT}.service --no-pager | tail -1")
    assert float(said.split("service: ")[1].split()[0]) <= 3.0


def test_the_key_can_be_read_by_the_service_and_by_nobody_else(speaking: Lab) -> None:
    assert speaking.out("stat -c '%U:%G %a' /etc/moshi-server/tts.toml") == "root:moshi 640"
    key = (speaking.folders.keys / "tts-1.key").read_text().strip()
    # From a file there: as a word of this command it would get into sudo's own log.
    speaking.out(
        "sed -n 's/^authorized_ids = ..\\(.*\\)..$/\\1/p' /etc/moshi-server/tts.toml > /run/key; grep -q . /run/key"
    )
    assert speaking.run("grep -rlaF -f /run/key /etc /var/log /run/log").stdout.split() == [
        "/etc/moshi-server/tts.toml"
    ]
    assert key not in speaking.out(f"journalctl -u {UNIT} -o cat; ps axww")


def test_a_repeat_changes_nothing(speaking: Lab) -> None:
    story = speaking.deploy(voice_model="tone")
    assert story.titles("changed") == [] and story.titles("failed") == []
    assert story.data["changed"] == 0 and story.data["binary"]["source"] == "installed"


def test_ansible_finds_nothing_to_change_in_what_our_engine_deployed(speaking: Lab) -> None:
    line = ansible_command(speaking.name, DeployOptions((speaking.inventory,), speaking.folders, voice_model="tone"))
    recap = speaking.ansible(*shlex.split(line)[1:])
    assert (recap.count("changed"), recap.count("failed"), recap.count("unreachable")) == (0, 0, 0), recap.text


def test_killing_it_brings_it_back(speaking: Lab) -> None:
    before = speaking.out(f"systemctl show -p MainPID --value {UNIT}")
    speaking.out(f"kill -9 {before}")
    speaking.eventually(
        f"systemctl show -p MainPID --value {UNIT} | grep -qv -e ^0$ -e ^{before}$ && systemctl is-active {UNIT}",
        "active",
    )


def test_booting_the_machine_brings_it_back(speaking: Lab) -> None:
    speaking.out("touch /run/before")
    speaking.run("systemctl reboot")
    speaking.eventually(f"[ ! -e /run/before ] && systemctl is-active {UNIT}", "active", 90)
    assert speaking.deploy(voice_model="tone").titles("changed") == []


def test_other_slots_change_the_config_and_restart_the_service(speaking: Lab) -> None:
    story = speaking.deploy(voice_model="tone", slots=7)
    assert story.titles("changed") == ["moshi_server : Write its config", "moshi_settings : Restart moshi-server"]
    assert "batch_size = 7" in speaking.out("cat /etc/moshi-server/tts.toml")
    assert next(result.data for result in story.results if result.title.endswith("Write its config"))["censored"]


def test_what_was_changed_by_hand_is_put_right(speaking: Lab) -> None:
    speaking.out(
        f"systemctl disable --now {UNIT}; chmod 0666 /etc/moshi-server/tts.toml; rm /opt/moshi-server/bin/moshi-server"
    )
    story = speaking.deploy(voice_model="tone", slots=7)
    assert story.titles("failed") == []
    assert speaking.out(f"systemctl is-enabled {UNIT}; systemctl is-active {UNIT}").split() == ["enabled", "active"]
    assert speaking.out("stat -c %a /etc/moshi-server/tts.toml") == "640"


def test_a_fabric_task_runs_the_very_role_over_the_connection_it_is_given(
    speaking: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = speaking.connection()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    key = tmp_path / "provision" / "keys" / f"{connection.host}.key"
    key.parent.mkdir(parents=True)
    key.write_bytes((speaking.folders.keys / "tts-1.key").read_bytes())
    tasks.systemd_unit(connection, voice_model="tone", slots=7)
    told = capsys.readouterr()
    assert "moshi_speaks : Listen to it" in told.out + told.err
    assert "changed:" not in told.out
    assert connection.run("whoami", hide=True, in_stream=False).stdout.strip() == connection.user
    connection.close()


@pytest.mark.parametrize("mood", ["silent", "dead"])
def test_a_server_that_answers_without_speaking_is_a_failed_deploy(speaking: Lab, mood: str) -> None:
    speaking.out(f"echo {mood} > /etc/moshi-server/mood; chmod 644 /etc/moshi-server/mood")
    try:
        quick = {"moshi_speaks_retries": 1, "moshi_speaks_delay": 1, "moshi_speaks_timeout": 3}
        story = speaking.deploy(voice_model="tone", slots=7, extra_vars=quick)
        failed = [result for result in story.results if result.status == "failed" and not result.rescued]
        assert [result.title for result in failed] == ["moshi_speaks : Say that it does not speak"]
        assert failed[0].problem is not None and "does not speak" in failed[0].problem.what
        assert "journalctl" in failed[0].problem.hint
    finally:
        speaking.out("rm /etc/moshi-server/mood")


def test_a_broken_artifact_is_refused_with_the_way_out(speaking: Lab) -> None:
    name = speaking.out("readlink /opt/moshi-server/bin/moshi-server")
    artifact = speaking.folders.artifacts / name
    good = artifact.read_bytes()
    artifact.write_bytes(b"#!/bin/sh\necho 'GLIBC_9 not found' >&2; exit 1\n")
    speaking.out(f"rm /opt/moshi-server/bin/{name}")
    try:
        story = speaking.deploy(voice_model="tone", slots=7)
        message = str([result for result in story.results if result.status == "failed"][-1].data["msg"])
        assert "GLIBC_9 not found" in message and str(artifact) in message
    finally:
        artifact.write_bytes(good)
    speaking.out(f"rm /opt/moshi-server/bin/{name}")
    assert speaking.deploy(voice_model="tone", slots=7).titles("failed") == []


def test_the_printed_line_passes_ansibles_syntax_check(speaking: Lab) -> None:
    line = ansible_command(speaking.name, DeployOptions((speaking.inventory,), speaking.folders))
    assert "playbook: " in speaking.ansible("--syntax-check", *shlex.split(line)[1:]).text


@pytest.mark.parametrize("playbook", sorted(path.name for path in PLAYBOOKS.glob("*.yml")))
def test_every_playbook_passes_ansibles_syntax_check(lab: Lab, playbook: str) -> None:
    text = lab.ansible("--syntax-check", str(PLAYBOOKS / playbook)).text
    assert f"playbook: {PLAYBOOKS / playbook}" in text and "ERROR" not in text


def test_our_results_are_data_that_json_can_hold(speaking: Lab) -> None:
    story = speaking.deploy(voice_model="tone", slots=7)
    for event in story.events:
        if isinstance(event, Result):
            json.dumps(dict(event.data))
