"""A host's variables become a Target, or are refused by name."""

from pathlib import Path

import pytest

from provision.errors import UsageProblem
from provision.ssh.target import Target, target_from


def test_a_host_without_variables_is_reached_under_its_own_name() -> None:
    target = target_from("tts-1", {})
    assert (target.address, target.port, target.user) == ("tts-1", 22, "")
    assert target.host_key_policy == "yes"


def test_the_usual_variables_are_read() -> None:
    target = target_from(
        "tts-1",
        {
            "ansible_host": "10.0.0.7",
            "ansible_port": "2222",
            "ansible_user": "operator",
            "ansible_ssh_private_key_file": "/keys/id",
            "ansible_python_interpreter": "/usr/bin/python3.12",
        },
    )
    assert target == Target(
        "tts-1", "10.0.0.7", 2222, "operator", key_files=(Path("/keys/id"),), python="/usr/bin/python3.12"
    )


@pytest.mark.parametrize("spelling", ["ansible_private_key_file", "ansible_ssh_private_key_file"])
def test_both_spellings_of_the_key_file_are_known(spelling: str) -> None:
    assert target_from("h", {spelling: "~/k"}).key_files == (Path.home() / "k",)


def test_ssh_common_args_give_trust_and_jump() -> None:
    target = target_from(
        "h",
        {
            "ansible_ssh_common_args": "-o UserKnownHostsFile=/k/known -o HostKeyAlias=compute.7 "
            "-o StrictHostKeyChecking=accept-new -J gate@jump:2200"
        },
    )
    assert target.known_hosts == (Path("/k/known"),)
    assert target.host_key_policy == "accept-new"
    assert target.jump == "gate@jump:2200"
    assert target.trust_name == "compute.7"


@pytest.mark.parametrize(
    "words", ["-oStrictHostKeyChecking=no", "-o 'StrictHostKeyChecking no'", "-o StrictHostKeyChecking=off"]
)
def test_every_spelling_of_an_option_is_understood(words: str) -> None:
    assert target_from("h", {"ansible_ssh_common_args": words}).host_key_policy == "no"


def test_openssh_options_without_effect_here_are_let_pass() -> None:
    words = "-C -o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=7"
    assert target_from("h", {"ansible_ssh_common_args": words}).keepalive_s == 7


@pytest.mark.parametrize("words", ["-o RemoteCommand=reboot", "-D 1080", "-o BindAddress=1.2.3.4"])
def test_an_option_that_would_have_to_be_ignored_is_refused(words: str) -> None:
    with pytest.raises(UsageProblem):
        target_from("h", {"ansible_ssh_common_args": words})


def test_passwords_are_refused_with_the_way_out() -> None:
    with pytest.raises(UsageProblem) as caught:
        target_from("h", {"ansible_password": "secret"})
    assert "ansible_ssh_private_key_file" in caught.value.hint
    assert "secret" not in str(caught.value)


def test_a_port_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageProblem, match="ansible_port"):
        target_from("h", {"ansible_port": "ssh"})


def test_other_connections_than_ssh_and_local_are_refused() -> None:
    with pytest.raises(UsageProblem, match="winrm"):
        target_from("h", {"ansible_connection": "winrm"})
    assert target_from("h", {"ansible_connection": "local"}).local


def test_a_port_other_than_22_is_part_of_the_name_in_known_hosts() -> None:
    assert target_from("h", {"ansible_host": "10.0.0.7", "ansible_port": 2222}).trust_name == "[10.0.0.7]:2222"
