"""The shell learns verbs, options and hosts, and is answered quickly."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from provision import cli


def completed(line: str) -> list[str]:
    """What bash would offer after these words."""
    *words, incomplete = line.split(" ")
    bash = BashComplete(cli.group, {}, "provision", "_PROVISION_COMPLETE")
    return [item.value for item in bash.get_completions(words, incomplete)]


@pytest.mark.parametrize(
    ("shell", "said"),
    [
        ("bash", "complete -o nosort -F _provision_completion provision"),
        ("zsh", "#compdef provision"),
        ("fish", "complete --no-files --command provision"),
    ],
)
def test_every_shell_gets_its_script(
    shell: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # click asks the installed bash for its version; a unit test starts no process.
    monkeypatch.setattr(BashComplete, "_check_version", staticmethod(lambda: None))
    assert cli.run(["completion", shell]) == 0
    assert said in capsys.readouterr().out


def test_verbs_are_completed_from_the_table() -> None:
    assert completed("pl") == ["play"]
    assert "inventory" in completed("")
    assert "fleet" not in completed("")


def test_options_are_completed() -> None:
    assert set(completed("play --list-ta")) == {"--list-tasks", "--list-tags"}
    assert completed("inventory -o ") == ["human", "plain", "json"]


def test_hosts_are_completed_from_our_inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = tmp_path / "hosts.yml"
    hosts.write_text("all: {hosts: {tts-1: , tts-2: , other: }}\n")
    monkeypatch.setenv("PROVISION_INVENTORY", str(hosts))
    assert completed("inventory --host tts") == ["tts-1", "tts-2"]
    assert completed("deploy tts") == ["tts-1", "tts-2"]


def test_a_broken_inventory_completes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = tmp_path / "hosts.yml"
    hosts.write_text("all: {hosts: [}\n")
    monkeypatch.setenv("PROVISION_INVENTORY", str(hosts))
    assert completed("deploy t") == []
