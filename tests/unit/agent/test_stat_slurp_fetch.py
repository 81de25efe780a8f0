"""stat, slurp and fetch: what is read of a path, and that reading changes nothing."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from provision.agent import flags
from provision.agent.change import Unchanged
from provision.agent.errors import Stopped
from provision.agent.flags import Flags
from provision.agent.modules import fetch as fetch_module
from provision.agent.target import Target, Wire
from provision.agent.wire import Blob
from tests.unit.agent.fakes import FakeProcesses, a_target, look, printed, run
from tests.unit.agent.given import fill, refused


def seen(path: Path | str, target: Target | None = None, **args: Any) -> dict[str, Any]:
    result = run("stat", {"path": str(path), "get_mime": False, **args}, target)
    assert result["changed"] is False
    found: dict[str, Any] = result["stat"]
    return found


def test_a_file_is_told_with_size_mode_owner_and_checksum(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": (0o640, "text\n")}) / "f"
    found, status = seen(path), path.stat()
    told = {key: found[key] for key in ("exists", "path", "size", "mode", "isreg", "isdir", "islnk", "nlink", "uid")}
    assert told == {
        "exists": True,
        "path": str(path),
        "size": 5,
        "mode": "0640",
        "isreg": True,
        "isdir": False,
        "islnk": False,
        "nlink": 1,
        "uid": os.getuid(),
    }
    assert (found["mtime"], found["inode"], found["dev"]) == (status.st_mtime, status.st_ino, status.st_dev)
    assert found["checksum"] == hashlib.sha1(b"text\n").hexdigest()


@pytest.mark.parametrize(
    ("mode", "true"),
    [
        (0o000, set()),
        (0o400, {"rusr"}),
        (0o200, {"wusr"}),
        (0o100, {"xusr"}),
        (0o070, {"rgrp", "wgrp", "xgrp"}),
        (0o007, {"roth", "woth", "xoth"}),
        (0o4500, {"isuid", "rusr", "xusr"}),
        (0o2010, {"isgid", "xgrp"}),
    ],
)
def test_every_bit_of_the_mode_has_its_name(tmp_path: Path, mode: int, true: set[str]) -> None:
    path = fill(tmp_path, {"f": ""}) / "f"
    path.chmod(mode)
    names = {w + who for w in "rwx" for who in ("usr", "grp", "oth")} | {"isuid", "isgid"}
    found = seen(path)
    assert {name for name in names if found[name]} == true and found["mode"] == f"{mode:04o}"


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])
def test_the_checksum_is_of_the_kind_that_is_asked(tmp_path: Path, algorithm: str) -> None:
    path = fill(tmp_path, {"f": "text"}) / "f"
    assert seen(path, checksum_algorithm=algorithm)["checksum"] == hashlib.new(algorithm, b"text").hexdigest()


def test_a_checksum_is_of_files_only_and_only_when_asked(tmp_path: Path) -> None:
    fill(tmp_path, {"f": "text", "l -> f": None})
    assert "checksum" not in seen(tmp_path)
    assert "checksum" not in seen(tmp_path / "l")
    assert "checksum" not in seen(tmp_path / "f", get_checksum=False)
    assert "checksum" in seen(tmp_path / "l", follow=True)


def test_a_link_is_told_with_both_its_aims_and_as_its_file_when_followed(tmp_path: Path) -> None:
    fill(tmp_path, {"f": "text", "mid -> f": None, "l -> mid": None})
    found = seen(tmp_path / "l")
    assert (found["islnk"], found["lnk_target"], found["lnk_source"]) == (True, "mid", f"{tmp_path}/f")
    followed = seen(tmp_path / "l", follow=True)
    assert (followed["islnk"], followed["isreg"], "lnk_target" in followed) == (False, True, False)


@pytest.mark.parametrize(
    ("name", "follow", "exists"),
    [("none", False, False), ("f/below", False, False), ("dead", False, True), ("dead", True, False)],
)
def test_what_is_not_there_does_not_exist_and_is_no_failure(
    tmp_path: Path, name: str, follow: bool, exists: bool
) -> None:
    fill(tmp_path, {"f": "", "dead -> nowhere": None})
    found = seen(tmp_path / name, follow=follow)
    assert found["exists"] is exists and (exists or found == {"exists": False})


def test_a_loop_of_links_is_a_failure_when_followed(tmp_path: Path) -> None:
    fill(tmp_path, {"loop -> loop": None})
    assert "Too many levels" in refused(tmp_path, "stat", {"path": str(tmp_path / "loop"), "follow": True})


def test_pipes_are_told_and_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found = seen(tmp_path / "pipe")
    assert found["isfifo"] is True and found["isreg"] is False and "checksum" not in found


@pytest.mark.parametrize(
    ("says", "mimetype", "charset"),
    [
        ("text/plain; charset=us-ascii\n", "text/plain", "us-ascii"),
        ("inode/directory\n", "inode/directory", "unknown"),
        ("", "unknown", "unknown"),
    ],
)
def test_the_kind_of_content_is_what_the_program_file_says(
    tmp_path: Path, says: str, mimetype: str, charset: str
) -> None:
    processes = FakeProcesses(("/bin/file --brief --mime", printed(says)))
    found = seen(tmp_path, a_target(processes), get_mime=True)
    assert (found["mimetype"], found["charset"]) == (mimetype, charset)


def test_without_the_program_file_the_kind_is_unknown(tmp_path: Path) -> None:
    processes = FakeProcesses(missing=["file"])
    assert seen(tmp_path, a_target(processes), get_mime=True)["mimetype"] == "unknown"
    assert processes.lines == []


@pytest.mark.parametrize(
    ("has", "version", "letters", "names"),
    [
        (Flags(0x80010, 42), "42", "ie", ["immutable", "extents"]),
        (Flags(0, 0), "0", "", []),
        (None, None, "", []),
    ],
)
def test_flags_are_told_by_letter_and_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has: Any, version: Any, letters: str, names: list[str]
) -> None:
    monkeypatch.setattr(flags, "read", lambda path: has)
    found = seen(tmp_path)
    assert (found["version"], found["attr_flags"], found["attributes"]) == (version, letters, names)
    assert "attr_flags" not in seen(tmp_path, get_attributes=False)


@pytest.mark.parametrize("data", [b"", b"text\n", bytes(range(256)), b"x" * 100_000])
def test_slurp_brings_every_byte(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "f").write_bytes(data)
    result = run("slurp", {"src": str(tmp_path / "f")})
    assert base64.b64decode(result["content"]) == data
    assert (result["changed"], result["encoding"], result["source"]) == (False, "base64", f"{tmp_path}/f")


@pytest.mark.parametrize(
    ("name", "msg"),
    [("none", "file not found: ROOT/none"), ("folder", "source is a directory and must be a file: ROOT/folder")],
)
def test_slurp_tells_what_it_cannot_read(tmp_path: Path, name: str, msg: str) -> None:
    fill(tmp_path, {"folder": None})
    assert refused(tmp_path, "slurp", {"src": f"{tmp_path}/{name}"}) == msg.replace("ROOT", str(tmp_path))


def fetched(path: Path, check: bool = False, **args: Any) -> tuple[dict[str, Any], list[Blob], list[Mapping[str, Any]]]:
    """The result, the pieces, and the messages that went to the controller."""
    pieces: list[Blob] = []
    messages: list[Mapping[str, Any]] = []
    target = a_target(run=7, check=check, wire=Wire(messages.append, pieces.append))
    return run("fetch", {"src": str(path), "dest": "x", **args}, target), pieces, messages


def test_fetch_sends_the_bytes_in_pieces_and_then_their_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module.wire, "CHUNK", 4)
    path = fill(tmp_path, {"f": "0123456789"}) / "f"
    result, pieces, messages = fetched(path)
    digest = hashlib.sha256(b"0123456789").hexdigest()
    assert pieces == [Blob(digest, 0, b"0123"), Blob(digest, 4, b"4567"), Blob(digest, 8, b"89")]
    assert messages == [{"event": "blob_end", "id": 7, "digest": digest, "size": 10}]
    assert (result["digest"], result["bytes"], result["exists"]) == (digest, 10, True)
    assert result["checksum"] == result["remote_checksum"] == hashlib.sha1(b"0123456789").hexdigest()


def test_fetch_of_an_empty_file_is_its_end_alone(tmp_path: Path) -> None:
    result, pieces, messages = fetched(fill(tmp_path, {"f": ""}) / "f")
    assert pieces == [] and messages[0]["size"] == 0 and result["bytes"] == 0


def test_fetch_sends_nothing_that_the_controller_has_and_nothing_in_check_mode(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": "text"}) / "f"
    digest = hashlib.sha256(b"text").hexdigest()
    assert fetched(path, _have_digest=digest)[1:] == ([], [])
    result, pieces, messages = fetched(path, check=True)
    assert (pieces, messages, result["digest"]) == ([], [], digest)
    assert len(fetched(path, _have_digest="0" * 64)[1]) == 1


@pytest.mark.parametrize(
    ("name", "msg"),
    [
        ("none", "the remote file does not exist"),
        ("folder", "remote file is a directory, fetch cannot work on directories"),
        ("dead", "the remote file does not exist"),
    ],
)
def test_fetch_fails_for_what_is_no_file_unless_that_is_well(tmp_path: Path, name: str, msg: str) -> None:
    fill(tmp_path, {"folder": None, "dead -> nowhere": None})
    result, pieces, _ = fetched(tmp_path / name)
    assert (result["failed"], result["msg"], result["exists"], pieces) == (True, msg, False, [])
    well, pieces, messages = fetched(tmp_path / name, fail_on_missing=False)
    assert well == {"changed": False, "file": f"{tmp_path}/{name}", "msg": msg, "exists": False}
    assert (pieces, messages) == ([], [])


def test_fetch_can_be_stopped_on_its_way(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": "text"}) / "f"
    target = a_target()
    target.stop.now("cancelled")
    with pytest.raises(Stopped, match="cancelled"):
        look("fetch", {"src": str(path), "dest": "x"}, target)


def test_reading_is_never_a_change(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": "text"}) / "f"
    assert isinstance(look("stat", {"path": str(path), "get_mime": False}), Unchanged)
    assert isinstance(look("slurp", {"src": str(path)}), Unchanged)
    assert stat.S_ISREG(path.stat().st_mode) and path.read_text() == "text"
