"""API keys are made once, readable by their owner alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from provision.deploy.keys import LENGTH, ensure_key
from provision.errors import ProvisionError


def test_a_missing_key_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "tts-1.key"
    assert ensure_key(path) is True
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_key_is_forty_letters_and_digits_on_one_line(tmp_path: Path) -> None:
    ensure_key(tmp_path / "key")
    text = (tmp_path / "key").read_text()
    assert len(text) == LENGTH + 1 and text.endswith("\n")
    assert text.strip().isalnum() and text.isascii()


def test_two_keys_differ(tmp_path: Path) -> None:
    ensure_key(tmp_path / "a")
    ensure_key(tmp_path / "b")
    assert (tmp_path / "a").read_text() != (tmp_path / "b").read_text()


def test_a_key_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("mine\n")
    assert ensure_key(tmp_path / "key") is False
    assert (tmp_path / "key").read_text() == "mine\n"


def test_no_draft_stays_behind(tmp_path: Path) -> None:
    ensure_key(tmp_path / "key")
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_who_comes_second_keeps_the_first_ones_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    real_link = os.link

    def somebody_was_quicker(source: Path, target: Path) -> None:
        path.write_text("first\n")
        real_link(source, target)

    monkeypatch.setattr("os.link", somebody_was_quicker)
    assert ensure_key(path) is False
    assert path.read_text() == "first\n"
    assert [found.name for found in tmp_path.iterdir()] == ["key"]


def test_an_empty_key_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n")
    with pytest.raises(ProvisionError) as refused:
        ensure_key(tmp_path / "key")
    assert f"rm {tmp_path / 'key'}" in refused.value.hint


def test_ansibles_password_lookup_reads_our_file_as_it_is(tmp_path: Path) -> None:
    """The lookup takes what stands before ` salt=` as the password, and leaves the file alone."""
    ensure_key(tmp_path / "key")
    content = (tmp_path / "key").read_text().rstrip()
    assert " salt=" not in content and " ident=" not in content
