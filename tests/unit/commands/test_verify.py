"""`provision verify` from the command line to its exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provision.cli import run
from tests.unit.speech.fake_server import KEY, Manners, speech_server
from tests.unit.speech.test_tls import behind, certificate


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    return file


def end(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    last: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "end"
    return last


def test_a_good_server_by_its_address(key_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with speech_server() as fake:
        code = run(["verify", "--url", fake.url, "--key-file", str(key_file), "--runs", "2", "-o", "json"])
    last = end(capsys)
    assert code == last["exit_code"] == 0
    assert last["command"] == "verify"
    assert last["verified"] is True
    assert last["ttfa_p50_ms"] > 0
    assert last["ttfa_runs"] == 2


def test_a_host_of_the_inventory(key_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with speech_server() as fake:
        inventory = tmp_path / "inventory.yml"
        inventory.write_text(
            f"all:\n  hosts:\n    tts-1:\n      ansible_host: 127.0.0.1\n      moshi_port: {fake.port}\n"
            f"      moshi_api_key_file: {key_file}\n"
        )
        code = run(["verify", "tts-1", "-i", str(inventory), "--runs", "1", "--no-load", "-o", "json"])
    assert code == 0
    last = end(capsys)
    assert "tts-1" in last["recap"]
    assert "load" not in last
    assert fake.most_used == 1


def test_targets_are_settable_and_missing_them_is_5(key_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with speech_server(Manners(first_audio_s=0.02)) as fake:
        arguments = ["verify", "--url", fake.url, "--key-file", str(key_file), "--runs", "1", "--no-load"]
        assert run([*arguments, "--ttfa-p50-ms", "5", "-o", "json"]) == 5
        assert end(capsys)["ok"] is False
        assert run([*arguments, "--ttfa-p50-ms", "5000", "-o", "json"]) == 0


def test_voice_and_number_of_slots_are_passed_on(key_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with speech_server() as fake:
        arguments = ["verify", "--url", fake.url, "--key-file", str(key_file), "--runs", "1", "--no-load", "-o", "json"]
        assert run([*arguments, "--voice", "unmute/a.wav", "--slots", "4"]) == 0
        assert run([*arguments, "--slots", "5"]) == 1
    assert fake.queries[-1]["voice"] == ["unmute/a.wav"]
    assert "the server has 4 slots, not 5" in capsys.readouterr().out


def test_a_certificate_authority_of_ones_own_is_trusted_when_said(key_file: Path, tmp_path: Path) -> None:
    file = certificate(tmp_path, "127.0.0.1")
    with speech_server(Manners(), behind(file)) as fake:
        arguments = ["verify", "--url", fake.url, "--key-file", str(key_file), "--runs", "1", "--no-load", "-o", "json"]
        assert run([*arguments, "--ca-file", str(file)]) == 0
        assert run(arguments) == 4


def test_patience_is_settable(key_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with speech_server(Manners(silent_from="before audio")) as fake:
        run(["verify", "--url", fake.url, "--key-file", str(key_file), "--timeout", "0.2", "-o", "json"])
    assert "nothing came for 0.2 s" in capsys.readouterr().out


def test_a_dead_server_is_1_and_a_closed_port_4(key_file: Path) -> None:
    arguments = ["--key-file", str(key_file), "--timeout", "0.3", "-o", "json"]
    with speech_server(Manners(silent_from="before audio")) as fake:
        assert run(["verify", "--url", fake.url, *arguments]) == 1
        port = fake.port
    assert run(["verify", "--url", f"ws://127.0.0.1:{port}", *arguments]) == 4


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["tts-1", "--url", "ws://127.0.0.1:1"],
        ["--url", "http//x"],
        ["--url", "ws://h", "--runs", "0"],
        ["--url", "ws://h", "--rtf", "0"],
        ["--url", "ws://h", "--key-file", "/nonexistent"],
        ["ghost", "-i", "other,"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    assert run(["verify", *arguments, "-o", "json"]) == 2
