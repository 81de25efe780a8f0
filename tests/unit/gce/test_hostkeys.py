"""Host keys: taken from the cloud, checked, pinned by instance id, and never replaced silently."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from typing import Any

import pytest

from provision.errors import ProvisionError
from provision.gce import hostkeys
from provision.gce.client import Cloud
from provision.gce.hostkeys import HostKeyChanged
from provision.gce.instance import Machine
from tests.unit.gce.scripted_google import ScriptedGoogle, sound
from tests.unit.gce.test_faults import http

MACHINE = Machine("tts-1", "4711", "z-a", "RUNNING", "e2-standard-4")


def key(kind: str, seed: str = "a") -> str:
    """A public key as sshd would publish it, as far as its type goes."""
    return base64.b64encode(len(kind).to_bytes(4, "big") + kind.encode() + seed.encode() * 40).decode()


ED25519, RSA = key("ssh-ed25519"), key("ssh-rsa")
BOTH = {"ssh-ed25519": ED25519, "ssh-rsa": RSA}


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    return tmp_path / "ssh" / "known_hosts"


def attributes(**keys: str) -> dict[str, Any]:
    items = [{"namespace": "hostkeys", "key": kind.replace("_", "-"), "value": value} for kind, value in keys.items()]
    return {"queryPath": "hostkeys/", "queryValue": {"items": items}}


def test_published_keys_are_read(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script((200, attributes(ssh_ed25519=ED25519, ssh_rsa=RSA)))
    assert hostkeys.published(cloud, MACHINE) == BOTH
    assert sound(google.asked[0]) == "compute.instances.getGuestAttributes"
    assert google.asked[0].query["queryPath"] == ["hostkeys/"]


def test_keys_that_are_not_there_yet_are_none(cloud: Cloud, google: ScriptedGoogle) -> None:
    google.script(
        (404, http("notFound", "The resource 'hostkeys/' of type 'Guest Attribute' was not found.", code=404))
    )
    assert hostkeys.published(cloud, MACHINE) == {}


def test_types_that_nobody_knows_are_left_out() -> None:
    assert hostkeys.checked({"ssh-new": "whatever", "ssh-rsa": RSA}, "x") == {"ssh-rsa": RSA}


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "not base64!",
        "AAAA",
        key("ssh-rsa"),
        f"{ED25519}\nevil.example ssh-rsa AAAA",
        f"{ED25519} comment",
        base64.b64encode(b"\xff\xff\xff\xff").decode(),
    ],
)
def test_what_is_not_a_key_of_its_type_is_refused(bad: str) -> None:
    with pytest.raises(ProvisionError, match="published a ssh-ed25519 host key that is none"):
        hostkeys.checked({"ssh-ed25519": bad}, "tts-1")


def test_the_serial_console_serves_where_attributes_do_not() -> None:
    text = (
        "boot ok\r\n-----BEGIN SSH HOST KEY KEYS-----\r\n"
        f"ssh-rsa {RSA} root@tts-1\r\nssh-ed25519 {ED25519} root@tts-1\r\n"
        "-----END SSH HOST KEY KEYS-----\r\nlogin: "
    )
    assert hostkeys.on_serial_port(text, "tts-1") == BOTH


@pytest.mark.parametrize("text", ["", "login:", "-----BEGIN SSH HOST KEY KEYS-----\nssh-rsa AAAA"])
def test_a_console_without_keys_gives_none(text: str) -> None:
    assert hostkeys.on_serial_port(text, "tts-1") == {}


def test_keys_are_pinned_under_the_instance_id(known_hosts: Path) -> None:
    assert hostkeys.pin(known_hosts, MACHINE, BOTH)
    assert known_hosts.read_text() == f"compute.4711 ssh-ed25519 {ED25519}\ncompute.4711 ssh-rsa {RSA}\n"
    assert stat.S_IMODE(known_hosts.stat().st_mode) == 0o600
    assert stat.S_IMODE(known_hosts.parent.stat().st_mode) == 0o700
    assert hostkeys.pinned(known_hosts, "4711") == BOTH


def test_a_repeat_writes_nothing(known_hosts: Path) -> None:
    hostkeys.pin(known_hosts, MACHINE, BOTH)
    before = known_hosts.stat()
    assert not hostkeys.pin(known_hosts, MACHINE, BOTH)
    assert not hostkeys.pin(known_hosts, MACHINE, {})
    assert (known_hosts.stat().st_ino, known_hosts.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_changed_key_is_refused_and_the_old_one_stays(known_hosts: Path) -> None:
    hostkeys.pin(known_hosts, MACHINE, BOTH)
    with pytest.raises(HostKeyChanged) as caught:
        hostkeys.pin(known_hosts, MACHINE, {**BOTH, "ssh-ed25519": key("ssh-ed25519", "b")})
    assert caught.value.exit_code == 4 and "ssh-ed25519" in caught.value.what
    assert hostkeys.pinned(known_hosts, "4711") == BOTH


def test_lines_of_others_stay(known_hosts: Path) -> None:
    known_hosts.parent.mkdir()
    known_hosts.write_text(f"# mine\nexample.org ssh-rsa {RSA}\ncompute.47110 ssh-rsa {RSA}\n")
    before = known_hosts.read_text()
    hostkeys.pin(known_hosts, MACHINE, BOTH)
    assert known_hosts.read_text().startswith(before)
    assert hostkeys.unpin(known_hosts, "4711")
    assert known_hosts.read_text() == before


def test_forgetting_what_is_not_known_does_nothing(known_hosts: Path) -> None:
    assert not hostkeys.unpin(known_hosts, "4711")
    hostkeys.pin(known_hosts, MACHINE, BOTH)
    assert not hostkeys.unpin(known_hosts, "1")


def test_the_last_one_takes_the_file_along(known_hosts: Path) -> None:
    hostkeys.pin(known_hosts, MACHINE, BOTH)
    assert hostkeys.unpin(known_hosts, "4711")
    assert not known_hosts.exists()


def test_a_new_machine_on_the_old_name_is_a_new_host(known_hosts: Path) -> None:
    hostkeys.pin(known_hosts, MACHINE, BOTH)
    again = Machine("tts-1", "4712", "z-a", "RUNNING", "e2-standard-4")
    assert hostkeys.pin(known_hosts, again, {"ssh-ed25519": key("ssh-ed25519", "b")})
    assert hostkeys.pinned(known_hosts, "4711") == BOTH
