"""`--print-ansible` prints a line that Ansible takes, with the same files, inventory and variables."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from provision import shipped
from provision.deploy import DeployOptions, ansible_command
from provision.settings import Folders


@pytest.fixture
def options(tmp_path: Path) -> DeployOptions:
    inventory = tmp_path / "an inventory.yml"
    inventory.write_text("tts:\n  hosts:\n    tts-1: {ansible_host: 10.0.0.5}\n")
    places = Folders(tmp_path / "state", tmp_path / "cache", tmp_path / "config")
    return DeployOptions((str(inventory),), places)


def words(options: DeployOptions) -> list[str]:
    return shlex.split(ansible_command("tts-1", options))


def extra(options: DeployOptions) -> dict[str, object]:
    said = words(options)
    return dict(json.loads(said[said.index("-e") + 1]))


def test_it_is_one_line_that_runs_the_shipped_playbook_on_the_host(options: DeployOptions) -> None:
    said = words(options)
    assert said[0] == "ansible-playbook"
    assert said[-1] == str(shipped.folder("playbooks") / "deploy-native.yml")
    assert said[said.index("--limit") + 1] == "tts-1"


def test_a_path_with_a_blank_survives_the_shell(options: DeployOptions) -> None:
    said = words(options)
    assert said[said.index("-i") + 1] == options.inventory[0]


def test_a_relative_inventory_is_named_so_that_it_is_found_from_anywhere(
    options: DeployOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(options.inventory[0])
    monkeypatch.chdir(path.parent)
    said = words(replace(options, inventory=(path.name,)))
    assert said[said.index("-i") + 1] == str(path)


def test_a_list_of_hosts_is_no_path(options: DeployOptions) -> None:
    said = words(replace(options, inventory=("tts-1,",)))
    assert said[said.index("-i") + 1] == "tts-1,"


def test_variables_keep_their_types(options: DeployOptions) -> None:
    said = extra(replace(options, slots=8, features=("cuda",), voice_model="tone"))
    assert (said["moshi_slots"], said["moshi_features"], said["moshi_voice_model"]) == (8, ["cuda"], "tone")


def test_key_and_artifacts_are_those_of_our_own_deploy(options: DeployOptions) -> None:
    said = extra(options)
    assert said["moshi_api_key_file"] == str(options.folders.keys / "tts-1.key")
    assert said["moshi_artifact_dir"] == str(options.folders.artifacts)


def test_check_and_diff_are_ansibles_own(options: DeployOptions) -> None:
    said = words(replace(options, check=True, diff=True))
    assert "--check" in said and "--diff" in said
    assert "--check" not in words(options)


def test_printing_makes_no_key(options: DeployOptions) -> None:
    ansible_command("tts-1", options)
    assert not options.folders.state.exists()
