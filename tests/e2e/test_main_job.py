"""The main job with the real moshi-server: a machine, a compile from crates.io (or its artifact), speech, measured.

The artifact cache is the operator's own: where a rehearsal has compiled before, this test does not do it again.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision import tasks
from provision.deploy import DeployOptions, ansible_command
from provision.inventory import load
from provision.model import Progress, Result, Summary
from provision.settings import Folders, folders
from provision.verify import VerifyOptions, verify
from provision.verify.lookup import target_of
from tests.lab import Lab, Story, machine, needs_docker

pytestmark = [pytest.mark.e2e, needs_docker, pytest.mark.timeout(5400)]

UNIT = "moshi-tts"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """A cloud of its own, with the operator's artifacts."""
    place = tmp_path_factory.mktemp("main-job")
    return Folders(place / "state", folders().cache, place / "config")


@pytest.fixture(scope="module")
def lab(places: Folders) -> Iterator[Lab]:
    """One fresh machine for all tests of this file."""
    with machine("tts-1", places) as made:
        yield made


@pytest.fixture(scope="module")
def first(lab: Lab) -> Story:
    """The first deploy."""
    story = lab.deploy(voice_model="tone")
    assert story.titles("failed") == [], story.results
    return story


def measured(lab: Lab) -> tuple[list[Result], dict[str, object]]:
    target = target_of(load([lab.inventory]), lab.name)
    events = list(verify(target, VerifyOptions(runs=5)))
    data = next(event.data for event in reversed(events) if isinstance(event, Summary))
    return [event for event in events if isinstance(event, Result)], dict(data)


def test_the_first_deploy_compiles_the_server_or_takes_the_artifact(lab: Lab, first: Story) -> None:
    binary = first.data["binary"]
    assert binary["source"] in ("compiled", "artifact") and binary["version"] == "0.6.4"
    assert (lab.folders.artifacts / binary["name"]).stat().st_size > 10_000_000
    crates = [event for event in first.events if isinstance(event, Progress) and event.unit == "crates"]
    assert (binary["source"] == "compiled") == bool(crates)


def test_it_is_verified_as_good(lab: Lab, first: Story) -> None:
    results, data = measured(lab)
    assert [result.title for result in results if result.status not in ("ok", "changed")] == []
    assert data


def test_the_process_is_the_compiled_moshi_server(lab: Lab, first: Story) -> None:
    exe = lab.out(f"readlink /proc/$(systemctl show -p MainPID --value {UNIT})/exe")
    assert exe == f"/opt/moshi-server/bin/{first.data['binary']['name']}"
    assert "libpython3" in lab.out(f"ldd {exe}")


def test_the_unit_is_well_locked_in_and_still_speaks(lab: Lab, first: Story) -> None:
    said = lab.out(f"systemd-analyze security {UNIT}.service --no-pager | tail -1")
    assert float(said.split("service: ")[1].split()[0]) <= 3.0


def test_the_time_to_first_audio_is_a_fabric_task_too(
    lab: Lab, first: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = lab.connection()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    key = tmp_path / "provision" / "keys" / f"{connection.host}.key"
    key.parent.mkdir(parents=True)
    key.write_bytes((lab.folders.keys / "tts-1.key").read_bytes())
    assert 0 < tasks.ttfa(connection, runs=3)["ttfa_p50_ms"] < 1000
    connection.close()


def test_a_repeat_changes_nothing_and_takes_seconds(lab: Lab, first: Story) -> None:
    story = lab.deploy(voice_model="tone")
    assert story.titles("changed") == [] and story.data["changed"] == 0
    assert sum(result.seconds for result in story.results) < 10


def test_ansible_finds_nothing_to_change(lab: Lab, first: Story) -> None:
    line = ansible_command(lab.name, DeployOptions((lab.inventory,), lab.folders, voice_model="tone"))
    recap = lab.ansible(*shlex.split(line)[1:])
    assert (recap.count("changed"), recap.count("failed"), recap.count("unreachable")) == (0, 0, 0), recap.text


def test_killing_it_brings_it_back(lab: Lab, first: Story) -> None:
    before = lab.out(f"systemctl show -p MainPID --value {UNIT}")
    lab.out(f"kill -9 {before}")
    changed = f"systemctl show -p MainPID --value {UNIT} | grep -qvx -e 0 -e {before}"
    lab.eventually(f"{changed} && systemctl is-active {UNIT}", "active")


def test_a_reboot_brings_it_back_speaking(lab: Lab, first: Story) -> None:
    lab.out("touch /run/before")
    lab.run("systemctl reboot")
    lab.eventually(f"[ ! -e /run/before ] && systemctl is-active {UNIT}", "active", 90)
    story = lab.deploy(voice_model="tone")
    assert story.titles("changed") == [] and story.titles("failed") == []


def test_a_second_machine_takes_the_artifact_and_does_not_compile(places: Folders, lab: Lab, first: Story) -> None:
    from provision.machines.clouds import open_cloud
    from provision.machines.create import create_vm
    from provision.machines.wish import Wish
    from provision.settings import load as load_settings

    with open_cloud("local", load_settings({"cloud": "local"}), places) as place:
        list(create_vm(place, Wish("tts-2")))
    story = Lab("tts-2", places).deploy(voice_model="tone")
    assert story.titles("failed") == []
    assert story.data["binary"]["source"] == "artifact"
    assert Lab("tts-2", places).run("ls /usr/bin/cargo /usr/bin/g++").stdout == ""
    assert lab.out(f"systemctl is-active {UNIT}") == "active"
