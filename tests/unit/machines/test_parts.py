"""Keys, steps, clouds, the inventory entry and the ssh command line."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from provision.errors import ProvisionError, UsageProblem
from provision.gce.client import Cloud, NotConfigured
from provision.gce.instance import Machine
from provision.inventory.book import MachineEntry, remember
from provision.machines import book, keys
from provision.machines.clouds import Place, clouds_in_play, inside, kind_for, likely_kind, open_cloud, project_of
from provision.machines.keys import KeyPair
from provision.machines.shell import ssh_command
from provision.machines.steps import Done, step, wait_until
from provision.machines.wish import Wish, wish_from
from provision.model import Note, Result, Step
from provision.settings import Folders, Settings, load
from provision.ssh.target import target_from
from tests.unit.machines.conftest import places

# Keys


def test_a_key_pair_is_made_once(tmp_path: Path) -> None:
    first = keys.key_pair(tmp_path / "ssh")
    second = keys.key_pair(tmp_path / "ssh")
    assert (first.made, second.made) == (True, False)
    assert first.public == second.public and first.private == second.private


def test_the_private_key_is_for_us_alone(tmp_path: Path) -> None:
    pair = keys.key_pair(tmp_path / "ssh")
    assert stat.S_IMODE(pair.private.stat().st_mode) == 0o600
    assert stat.S_IMODE(pair.private.parent.stat().st_mode) == 0o700
    assert pair.private.read_bytes().startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")


def test_both_halves_belong_together(tmp_path: Path) -> None:
    pair = keys.key_pair(tmp_path)
    private: Any = load_ssh_private_key(pair.private.read_bytes(), None)
    raw = private.public_key().public_bytes_raw()
    import base64

    assert base64.b64decode(pair.public.split()[1]).endswith(raw)
    assert pair.public.split()[0] == "ssh-ed25519" and "\n" not in pair.public


def test_a_lost_public_half_is_made_again(tmp_path: Path) -> None:
    pair = keys.key_pair(tmp_path)
    (tmp_path / "id_ed25519.pub").unlink()
    again = keys.key_pair(tmp_path)
    assert (again.public, again.made) == (pair.public, False)
    assert (tmp_path / "id_ed25519.pub").read_text().strip() == pair.public


def test_a_private_key_that_is_none_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "id_ed25519").write_text("my notes")
    with pytest.raises(ProvisionError, match="is no SSH key"):
        keys.key_pair(tmp_path)
    assert (tmp_path / "id_ed25519").read_text() == "my notes"


def test_without_a_key_no_machine_is_ours(tmp_path: Path) -> None:
    assert keys.public_key(tmp_path) == ""
    made = keys.key_pair(tmp_path)
    assert keys.public_key(tmp_path) == made.public


# Steps


def test_a_step_begins_works_and_ends() -> None:
    job = step("h", "do it", lambda: Done(7, changed=True, data={"a": 1}), expected_s=3)
    events = []
    while True:
        try:
            events.append(next(job))
        except StopIteration as end:
            value = end.value
            break
    assert value == 7 and events[0] == Step("h", "do it", expected_s=3)
    result = events[1]
    assert isinstance(result, Result) and (result.status, result.data) == ("changed", {"a": 1})


def test_a_step_that_fails_ends_the_job() -> None:
    def work() -> Done[None]:
        raise ProvisionError("no")

    job = step("h", "do it", work)
    assert isinstance(next(job), Step)
    with pytest.raises(ProvisionError, match="no"):
        next(job)


def test_waiting_ends_with_what_was_found() -> None:
    looks, pauses = iter([None, None, "there"]), []
    assert wait_until(lambda: next(looks), 10, sleep=pauses.append, clock=lambda: 0.0) == "there"
    assert len(pauses) == 2


def test_waiting_ends_with_nothing_when_the_time_is_over() -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += 4

    assert wait_until(lambda: None, 10, sleep=sleep, clock=lambda: now[0]) is None
    assert now[0] == 12


def test_something_is_looked_for_at_least_once() -> None:
    assert wait_until(lambda: "there", 0, clock=lambda: 5.0) == "there"


# Which cloud


def settings(tmp_path: Path, **values: Any) -> Settings:
    return load(values, {"HOME": str(tmp_path)}, tmp_path / "none.yml")


@pytest.mark.parametrize(
    ("named", "machine", "kind"),
    [
        ({}, {}, "gce"),
        ({"cloud": "local"}, {}, "local"),
        ({}, {"provision_cloud": "local"}, "local"),
        ({"cloud": "gce"}, {"provision_cloud": "local"}, "gce"),
    ],
)
def test_the_cloud_is_named_or_known_by_the_machine(
    tmp_path: Path, named: dict[str, str], machine: dict[str, str], kind: str
) -> None:
    assert kind_for(settings(tmp_path, **named), machine) == kind


def test_a_cloud_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="there is no cloud `azure`"):
        kind_for(settings(tmp_path), {"provision_cloud": "azure"})


def test_who_has_only_the_local_cloud_means_it(tmp_path: Path) -> None:
    folders = places(tmp_path)
    assert likely_kind(settings(tmp_path), folders) == "gce"
    folders.local_cloud.mkdir(parents=True)
    assert likely_kind(settings(tmp_path), folders) == "local"
    assert likely_kind(settings(tmp_path, project="p"), folders) == "gce"


LOCAL = {"provision_cloud": "local", "provision_project": "local"}
GOOGLE = {"provision_cloud": "gce", "provision_project": "p1"}


@pytest.mark.parametrize(
    ("named", "machines", "clouds"),
    [
        ({}, {}, ()),
        ({}, {"a": LOCAL}, (("local", ""),)),
        ({}, {"a": LOCAL, "b": GOOGLE}, (("local", ""), ("gce", "p1"))),
        ({"project": "p2"}, {"b": GOOGLE}, (("gce", "p1"), ("gce", "p2"))),
        ({"project": "p2"}, {}, (("gce", "p2"),)),
        ({"cloud": "local"}, {"b": GOOGLE}, (("local", ""),)),
        ({"cloud": "gce"}, {"a": LOCAL, "b": GOOGLE}, (("gce", "p1"),)),
        ({"cloud": "gce", "project": "p2"}, {"b": GOOGLE}, (("gce", "p2"),)),
        ({"cloud": "gce"}, {}, (("gce", ""),)),
    ],
)
def test_every_cloud_that_can_have_machines_is_looked_at(
    tmp_path: Path, named: dict[str, str], machines: dict[str, dict[str, str]], clouds: Any
) -> None:
    assert clouds_in_play(settings(tmp_path, **named), machines, places(tmp_path)) == clouds


def test_a_local_cloud_without_machines_is_looked_at_too(tmp_path: Path) -> None:
    folders = places(tmp_path)
    folders.local_cloud.mkdir(parents=True)
    assert clouds_in_play(settings(tmp_path), {}, folders) == (("local", ""),)


def test_the_project_is_named_or_the_machines(tmp_path: Path) -> None:
    assert project_of(settings(tmp_path), GOOGLE) == "p1"
    assert project_of(settings(tmp_path, project="p2"), GOOGLE) == "p2"
    assert project_of(settings(tmp_path), {}) == ""


def test_google_without_credentials_is_told_when_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from google.auth.exceptions import DefaultCredentialsError

    def none(**_: Any) -> Any:
        raise DefaultCredentialsError("no")  # type: ignore[no-untyped-call]

    monkeypatch.setattr("google.auth.default", none)
    with pytest.raises(NotConfigured), open_cloud("gce", settings(tmp_path), places(tmp_path)):
        pass


def test_the_cloud_is_open_for_as_long_as_the_job_runs(tmp_path: Path) -> None:
    from contextlib import contextmanager

    told: list[str] = []

    @contextmanager
    def opened():  # type: ignore[no-untyped-def]
        told.append("open")
        yield Place("local", Cloud("p"), places(tmp_path))
        told.append("closed")

    def job(place: Place):  # type: ignore[no-untyped-def]
        told.append("works")
        yield Note("x")

    assert list(inside(opened(), job)) == [Note("x")]
    assert told == ["open", "works", "closed"]


def test_hints_name_the_cloud(tmp_path: Path) -> None:
    assert Place("local", Cloud("local"), places(tmp_path)).flags == " --cloud local"
    assert Place("gce", Cloud("p1"), places(tmp_path)).flags == " --project p1"


def test_settings_make_a_wish(tmp_path: Path) -> None:
    assert wish_from("tts-1", settings(tmp_path)) == Wish("tts-1")
    asked = settings(tmp_path, gpu="l4", spot=True, allow=("10.0.0.0/8",), max_run="2h", ssh_user="ops", disk_gb=80)
    assert wish_from("tts-1", asked) == Wish(
        "tts-1", gpu="l4", spot=True, allow=("10.0.0.0/8",), max_run="2h", user="ops", disk_gb=80
    )


# The inventory entry and ssh


def entry(folders: Folders) -> Any:
    place = Place("gce", Cloud("p1"), folders)
    machine = Machine("tts-1", "4711", "z-a", "RUNNING", "g2-standard-8", "nvidia-l4", "203.0.113.9", user="ops")
    return book.entry(place, machine, KeyPair(folders.ssh / "id_ed25519", "ssh-ed25519 AAAA"), 8080)


@pytest.mark.parametrize("folder", ["plain", "with a blank"])
def test_the_entry_survives_every_path_to_our_own_reader(tmp_path: Path, folder: str) -> None:
    folders = places(tmp_path / folder)
    wanted = entry(folders)
    assert book.written(folders, wanted)
    assert not book.written(folders, wanted)
    host = book.find(folders, "tts-1")
    assert host is not None
    target = target_from("tts-1", host.vars)
    assert target.known_hosts == (folders.ssh / "known_hosts",)
    assert (target.address, target.user, target.trust_name) == ("203.0.113.9", "ops", "compute.4711")


def test_only_machines_of_ours_are_known(tmp_path: Path) -> None:
    folders = places(tmp_path)
    assert book.known(folders) == {} and book.find(folders, "tts-1") is None
    folders.state.mkdir(parents=True)
    folders.inventory.write_text("all: {hosts: {mine: {ansible_host: 192.0.2.1}}}\n")
    book.written(folders, entry(folders))
    assert set(book.known(folders)) == {"tts-1"}
    assert book.service_port(folders, "tts-1") == 8080 == book.service_port(folders, "nobody")


def test_what_the_operator_added_to_the_group_is_no_reason_to_write(tmp_path: Path) -> None:
    folders = places(tmp_path)
    book.written(folders, entry(folders))
    folders.inventory.write_text(folders.inventory.read_text() + "      vars: {moshi_port: 9000}\n")
    host = book.find(folders, "tts-1")
    assert host is not None and host.vars["moshi_port"] == 9000
    assert not book.written(folders, entry(folders))


def test_a_new_address_does_not_forget_what_a_deploy_has_chosen(tmp_path: Path) -> None:
    folders = places(tmp_path)
    made = entry(folders)
    book.written(folders, made)
    remember(folders.inventory, MachineEntry("tts-1", {**made.vars, "moshi_slots": 8}, made.groups))
    moved = MachineEntry("tts-1", {**made.vars, "ansible_host": "203.0.113.10"}, made.groups)
    assert book.written(folders, moved)
    host = book.find(folders, "tts-1")
    assert host is not None
    assert (host.vars["ansible_host"], host.vars["moshi_slots"]) == ("203.0.113.10", 8)


def test_the_ssh_command_line_is_openssh_s(tmp_path: Path) -> None:
    folders = places(tmp_path)
    variables = entry(folders).vars
    assert ssh_command("tts-1", variables, ("uptime", "-p")) == [
        "ssh",
        "-i",
        str(folders.ssh / "id_ed25519"),
        "-o",
        "IdentitiesOnly=yes",
        "-p",
        "22",
        "-o",
        f"UserKnownHostsFile={folders.ssh / 'known_hosts'}",
        "-o",
        "HostKeyAlias=compute.4711",
        "-o",
        "StrictHostKeyChecking=yes",
        "ops@203.0.113.9",
        "--",
        "uptime",
        "-p",
    ]


def test_a_host_of_the_operators_own_is_reached_too() -> None:
    assert ssh_command("mine", {}) == ["ssh", "mine"]
    line = ssh_command("mine", {"ansible_host": "192.0.2.1", "ansible_port": 2222, "ansible_ssh_extra_args": "-A -J b"})
    assert shlex.join(line) == "ssh -p 2222 -A -J b 192.0.2.1"
