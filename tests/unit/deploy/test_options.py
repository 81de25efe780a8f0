"""What options of a deploy mean to the playbook, and which are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provision.deploy.options import DeployOptions, refuse_nonsense, variables
from provision.errors import UsageProblem
from provision.settings import Folders


def options(**given: Any) -> DeployOptions:
    return DeployOptions(("inventory.yml",), Folders(Path("/state"), Path("/cache"), Path("/config")), **given)


def test_without_options_only_places_and_the_host_are_said() -> None:
    assert variables("tts-1", options(), {}) == {
        "moshi_hosts": "tts-1",
        "moshi_api_key_file": "/state/keys/tts-1.key",
        "moshi_artifact_dir": "/cache/artifacts",
    }


def test_options_become_the_roles_variables_with_their_types() -> None:
    given = options(voice_model="tone", slots=8, port=9000, features=("cuda",), rust_from="rustup")
    said = variables("tts-1", given, {})
    assert {name: said[name] for name in ("moshi_voice_model", "moshi_slots", "moshi_port", "rust_from")} == {
        "moshi_voice_model": "tone",
        "moshi_slots": 8,
        "moshi_port": 9000,
        "rust_from": "rustup",
    }
    assert said["moshi_features"] == ["cuda"]


def test_what_the_inventory_says_about_key_and_artifacts_is_left_alone() -> None:
    inventory = {"moshi_api_key_file": "~/mine.key", "moshi_artifact_dir": "", "moshi_slots": 2}
    said = variables("tts-1", options(), inventory)
    assert said == {"moshi_hosts": "tts-1"}


def test_an_option_goes_over_the_inventory() -> None:
    assert variables("tts-1", options(slots=8), {"moshi_slots": 2})["moshi_slots"] == 8


def test_an_extra_variable_goes_over_everything() -> None:
    given = options(slots=8, extra_vars={"moshi_slots": 3, "moshi_api_key_file": "/else"})
    said = variables("tts-1", given, {})
    assert (said["moshi_slots"], said["moshi_api_key_file"]) == (3, "/else")


def test_docker_is_refused_with_the_way_that_exists() -> None:
    with pytest.raises(UsageProblem) as refused:
        refuse_nonsense(options(docker=True))
    assert "--native" in refused.value.hint


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"voice_model": "kyutai/tts-1b-en_es"}, "kyutai/tts-1.6b-en_fr"),
        ({"rust_from": "apt"}, "rustup"),
        ({"slots": 0}, "1 to 1024"),
        ({"slots": 5000}, "1 to 1024"),
        ({"port": 70000}, "65535"),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_those_that_can(given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        refuse_nonsense(options(**given))
    assert told in refused.value.why


def test_good_values_are_not_refused() -> None:
    refuse_nonsense(options(voice_model="tone", rust_from="auto", slots=1, port=65535))
