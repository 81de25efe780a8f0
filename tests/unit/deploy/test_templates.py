"""The files that a deploy writes, compared with stored ones, and read as their readers do."""

from __future__ import annotations

import configparser
import os
from typing import Any

import pytest

from provision.errors import ProvisionError
from tests.unit.deploy.rendering import WITH_GPU, golden, rendered, templar

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[no-redef]

FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "tone.toml": ("tts.toml.j2", {}),
    "kyutai.toml": ("tts.toml.j2", WITH_GPU),
    "tone.service": ("moshi-tts.service.j2", {}),
    "kyutai.service": ("moshi-tts.service.j2", WITH_GPU),
    "environment": ("environment.j2", {"moshi_environment": {"https_proxy": "http://me:secret@proxy:3128"}}),
    "tmpfiles.conf": ("tmpfiles.conf.j2", {}),
}


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_the_stored_one(name: str) -> None:
    """PROVISION_UPDATE_SNAPSHOTS=1 stores them anew; read the difference before committing it."""
    template, chosen = FILES[name]
    text = rendered(template, **chosen)
    if os.environ.get("PROVISION_UPDATE_SNAPSHOTS"):
        golden(name).write_text(text)
    assert text == golden(name).read_text()


def config(**chosen: Any) -> dict[str, Any]:
    return tomllib.loads(rendered("tts.toml.j2", **chosen))


def test_the_config_has_every_key_that_the_server_requires() -> None:
    said = config()
    assert {"static_dir", "log_dir", "instance_name", "authorized_ids"} <= set(said)
    module = said["modules"]["tts_py"]
    assert {"type", "path", "batch_size", "text_tokenizer_file", "text_bos_token"} <= set(module)


def test_the_config_has_no_key_that_the_server_would_ignore() -> None:
    for chosen in ({}, WITH_GPU):
        said = config(**chosen)
        assert set(said) == {"static_dir", "log_dir", "instance_name", "authorized_ids", "modules"}
        assert "cfg_is_no_text" not in said["modules"]["tts_py"]["py"]


def test_the_only_key_let_in_is_our_own() -> None:
    assert config()["authorized_ids"] == ["K" * 40]
    assert "public_token" not in rendered("tts.toml.j2")


def test_slots_given_as_text_become_a_number() -> None:
    assert config(moshi_slots="12")["modules"]["tts_py"]["batch_size"] == 12


def test_the_tone_voice_needs_nothing_from_elsewhere() -> None:
    assert "hf" not in str(config()["modules"])


def test_the_real_voice_comes_with_its_default_voice_among_the_voices() -> None:
    import fnmatch

    py = config(**WITH_GPU)["modules"]["tts_py"]["py"]
    glob = py["voice_folder"].removeprefix("hf-snapshot://kyutai/tts-voices/")
    assert fnmatch.fnmatch(py["default_voice"].replace(".wav", ".1e68beda@240.safetensors"), glob)


def test_paths_are_absolute_because_a_unit_has_no_home() -> None:
    said = config()
    module = said["modules"]["tts_py"]
    paths = (said["static_dir"], said["log_dir"], module["script"], module["text_tokenizer_file"])
    assert [path[0] for path in paths] == ["/"] * 4


def unit(**chosen: Any) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(rendered("moshi-tts.service.j2", **chosen))
    return parser


def test_the_unit_comes_back_for_ever() -> None:
    assert unit()["Service"]["Restart"] == "always"
    assert unit()["Unit"]["StartLimitIntervalSec"] == "0"


def test_the_key_is_not_in_the_unit_which_everybody_may_read() -> None:
    assert "K" * 40 not in rendered("moshi-tts.service.j2")


def test_a_proxys_password_is_not_in_the_unit_either() -> None:
    chosen = {"moshi_environment": {"https_proxy": "http://me:secret@proxy:3128"}}
    assert "secret" not in rendered("moshi-tts.service.j2", **chosen)
    assert "secret" in rendered("environment.j2", **chosen)


def test_the_unit_runs_as_a_user_of_its_own() -> None:
    assert unit()["Service"]["User"] == "moshi"


def test_the_embedded_python_is_the_venvs() -> None:
    text = rendered("moshi-tts.service.j2")
    assert "Environment=PATH=/opt/moshi-server/venv/bin:" in text
    assert "LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu" in text


def test_devices_are_hidden_unless_there_is_a_gpu() -> None:
    assert unit()["Service"]["PrivateDevices"] == "yes"
    with_gpu = unit(**WITH_GPU)["Service"]
    assert "PrivateDevices" not in with_gpu and with_gpu["DevicePolicy"] == "closed"


def test_torch_may_write_code_but_the_tone_voice_may_not() -> None:
    assert unit()["Service"]["MemoryDenyWriteExecute"] == "yes"
    assert "MemoryDenyWriteExecute" not in unit(**WITH_GPU)["Service"]


def test_the_log_level_is_the_workers_option() -> None:
    """`moshi-server --log warn worker` is refused by the program."""
    command = unit()["Service"]["ExecStart"].split()
    assert command[1] == "worker" and command.index("--log") > 1


@pytest.mark.parametrize(
    ("chosen", "voice"),
    [
        ({}, "tone"),
        (WITH_GPU, "kyutai/tts-1.6b-en_fr"),
        ({**WITH_GPU, "moshi_voice_model": "tone"}, "tone"),
        ({"moshi_voice_model": "kyutai/tts-1.6b-en_fr"}, "kyutai/tts-1.6b-en_fr"),
    ],
)
def test_the_voice_is_chosen_by_the_machine_unless_told(chosen: dict[str, Any], voice: str) -> None:
    assert templar(**chosen).variable("moshi_voice") == voice


@pytest.mark.parametrize(
    ("distribution", "version", "package"),
    [
        ("Debian", "12", "libpython3.11"),
        ("Ubuntu", "22.04", "libpython3.11"),
        ("Ubuntu", "24.04", "libpython3.11t64"),
    ],
)
def test_the_python_library_is_called_as_the_distribution_calls_it(
    distribution: str, version: str, package: str
) -> None:
    facts = {"distribution": distribution, "distribution_version": version}
    assert templar(ansible_facts=facts).variable("moshi_libpython") == package


def test_the_port_is_the_one_that_create_vm_opened() -> None:
    assert templar().render("{{ moshi_port }}") == "8080" or templar().variable("moshi_port") == 8080
    assert str(templar(provision_service_port=9443).variable("moshi_port")) == "9443"


@pytest.mark.parametrize(("capability", "version"), [("", "12.1"), ("8.9", "12.1"), ("9.0", "12.1"), ("12.0", "12.8")])
def test_cuda_is_the_version_that_knows_the_gpu(capability: str, version: str) -> None:
    assert str(templar(gpu_compute_cap=capability).variable("cuda_version")) == version


def test_a_missing_fact_is_an_error_and_no_empty_word() -> None:
    with pytest.raises(ProvisionError, match="moshi_host"):
        broken = templar()
        variables = {name: value for name, value in broken.variables.items() if name != "moshi_host"}
        type(broken)(variables).render("{{ moshi_host.libdir }}")
