"""file: given this folder and this state, what changes, what the folder is after, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from provision.agent.change import Change, Unchanged
from tests.unit.agent.fakes import a_target, look, run, tree
from tests.unit.agent.given import Layout, fill, refused, settled


@pytest.fixture(autouse=True)
def plain_umask() -> Any:
    before = os.umask(0o022)
    yield
    os.umask(before)


def kinds(root: Path) -> dict[str, str]:
    """Path -> "kind mode" or "-> aim"."""
    return {
        name: f"-> {content}" if kind == "link" else f"{kind} {mode}"
        for name, (kind, mode, content) in tree(root).items()
    }


HOUSE: Layout = {
    "file": "text\n",
    "empty": None,
    "full/inner": "i\n",
    "full/deep/x": (0o600, "x\n"),
    "link -> file": None,
}

MADE = [
    ("a new folder", {"path": "new", "state": "directory"}, {"new": "directory 0755"}),
    ("a new folder with a mode", {"path": "new", "state": "directory", "mode": "0750"}, {"new": "directory 0750"}),
    ("a new folder with a final slash", {"path": "new/", "state": "directory"}, {"new": "directory 0755"}),
    (
        "parents get the mode as well",
        {"path": "a/b/c", "state": "directory", "mode": "0700"},
        {"a": "directory 0700", "a/b": "directory 0700", "a/b/c": "directory 0700"},
    ),
    (
        "an existing parent keeps its mode",
        {"path": "full/new", "state": "directory", "mode": "0700"},
        {"full/new": "directory 0700"},
    ),
    (
        "a folder that is there gets its mode",
        {"path": "empty", "state": "directory", "mode": "0711"},
        {"empty": "directory 0711"},
    ),
    ("recurse without a state makes a folder", {"path": "new", "recurse": True}, {"new": "directory 0755"}),
    ("a file gets its mode", {"path": "file", "mode": "0600"}, {"file": "file 0600"}),
    ("a mode as a number", {"path": "file", "mode": 0o640}, {"file": "file 0640"}),
    ("a mode in symbols", {"path": "file", "mode": "u+x,g=,o-r"}, {"file": "file 0700"}),
    ("the state file with a mode", {"path": "file", "state": "file", "mode": "0600"}, {"file": "file 0600"}),
    ("a link is followed to its file", {"path": "link", "mode": "0600"}, {"file": "file 0600"}),
    ("a file is removed", {"path": "file", "state": "absent"}, {"file": None}),
    ("a link is removed, not its file", {"path": "link", "state": "absent"}, {"link": None}),
    (
        "a full folder is removed whole",
        {"path": "full", "state": "absent"},
        dict.fromkeys(["full", "full/inner", "full/deep", "full/deep/x"]),
    ),
    ("a link is made", {"path": "new", "state": "link", "src": "file"}, {"new": "-> file"}),
    ("a link is made to a folder", {"path": "new", "state": "link", "src": "full"}, {"new": "-> full"}),
    ("a link points elsewhere", {"path": "link", "state": "link", "src": "full/inner"}, {"link": "-> full/inner"}),
    ("a link to nothing, when forced", {"path": "new", "state": "link", "src": "no", "force": True}, {"new": "-> no"}),
    (
        "a file gives way to a link, when forced",
        {"path": "file", "state": "link", "src": "empty", "force": True},
        {"file": "-> empty"},
    ),
    (
        "an empty folder gives way to a link, when forced",
        {"path": "empty", "state": "link", "src": "../file", "force": True},
        {"empty": "-> ../file"},
    ),
]


@pytest.mark.parametrize(("args", "wanted"), [case[1:] for case in MADE], ids=[case[0] for case in MADE])
def test_what_differs_is_made_so_and_once(tmp_path: Path, args: dict[str, Any], wanted: dict[str, str | None]) -> None:
    before = kinds(fill(tmp_path, HOUSE))
    result = settled(tmp_path, "file", {**args, "path": f"{tmp_path}/{args['path']}"})
    assert result["changed"] is True
    assert kinds(tmp_path) == {name: kind for name, kind in {**before, **wanted}.items() if kind is not None}


KEPT: list[dict[str, Any]] = [
    {"path": "file"},
    {"path": "file", "state": "file", "mode": "0644"},
    {"path": "file", "mode": "a+r"},
    {"path": "empty"},
    {"path": "empty", "state": "directory", "mode": "u=rwx,go=rx"},
    {"path": "full", "state": "directory", "recurse": True, "mode": "u+rw"},
    {"path": "nothing", "state": "absent"},
    {"path": "file/below/a/file", "state": "absent"},
    {"path": "link", "state": "link", "src": "file"},
    {"path": "link", "state": "link"},
    {"path": "link", "state": "file"},
    {"path": "file", "state": "touch", "modification_time": "preserve", "access_time": "preserve"},
]


@pytest.mark.parametrize("args", KEPT, ids=str)
def test_what_is_as_wanted_is_no_change(tmp_path: Path, args: dict[str, Any]) -> None:
    fill(tmp_path, HOUSE)
    assert isinstance(look("file", {**args, "path": f"{tmp_path}/{args['path']}"}), Unchanged)
    assert settled(tmp_path, "file", {**args, "path": f"{tmp_path}/{args['path']}"})["changed"] is False


REFUSED = [
    ({"path": "none"}, "file (ROOT/none) is absent, cannot continue"),
    ({"path": "none", "state": "file", "mode": "0600"}, "file (ROOT/none) is absent, cannot continue"),
    ({"path": "empty", "state": "file"}, "file (ROOT/empty) is directory, cannot continue"),
    ({"path": "link", "state": "file", "follow": False}, "file (ROOT/link) is link, cannot continue"),
    ({"path": "file", "state": "directory"}, "ROOT/file already exists as a file"),
    ({"path": "file/below", "state": "directory"}, "There was an issue creating ROOT/file as requested"),
    ({"path": "link", "state": "directory"}, "ROOT/file already exists as a file"),
    ({"path": "file", "recurse": True}, "recurse option requires state to be 'directory'"),
    ({"path": "file", "src": "x"}, "src option requires state to be 'link' or 'hard'"),
    ({"path": "empty", "state": "directory", "src": "x"}, "src option requires state to be 'link' or 'hard'"),
    ({"path": "new", "state": "link"}, "src is required for creating new symlinks"),
    ({"path": "new", "state": "link", "src": "no"}, "src file does not exist"),
    ({"path": "file", "state": "link", "src": "empty"}, "refusing to convert from file to symlink for ROOT/file"),
    ({"path": "empty", "state": "link", "src": "../file"}, "refusing to convert from directory to symlink"),
    ({"path": "full", "state": "link", "src": "../file", "force": True}, "the directory ROOT/full is not empty"),
    ({"path": "new", "state": "hard"}, "src is required for creating new hardlinks"),
    ({"path": "new", "state": "hard", "src": "no"}, "src does not exist"),
    ({"path": "no/such/folder", "state": "touch"}, "Error, could not touch target"),
    ({"path": "file", "mode": "rubbish"}, "mode must be in octal or symbolic form"),
    ({"path": "file", "mode": "0100644"}, "Invalid mode supplied, only permission info is allowed"),
    ({"path": "file", "owner": "nobody-has-this"}, "chown failed: failed to look up user nobody-has-this"),
    ({"path": "file", "group": "nobody-has-this"}, "chgrp failed: failed to look up group nobody-has-this"),
    ({"path": "file", "state": "hardlink"}, "value of state must be one of: absent, directory, file, hard"),
]


@pytest.mark.parametrize(("args", "msg"), REFUSED, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_what_cannot_be_is_refused_in_ansibles_words(tmp_path: Path, args: dict[str, Any], msg: str) -> None:
    fill(tmp_path, HOUSE)
    said = refused(tmp_path, "file", {**args, "path": f"{tmp_path}/{args['path']}"})
    assert said.startswith(msg.replace("ROOT", str(tmp_path)))


def test_the_diff_of_a_removed_folder_lists_what_was_in_it(tmp_path: Path) -> None:
    fill(tmp_path, HOUSE)
    path = tmp_path / "full"
    [diff] = run("file", {"path": str(path), "state": "absent"}, a_target(check=True, diff=True))["diff"]
    assert diff["before"] == {
        "path": str(path),
        "state": "directory",
        "path_content": {"directories": [f"{path}/deep"], "files": [f"{path}/inner", f"{path}/deep/x"]},
    }
    assert diff["after"] == {"path": str(path), "state": "absent"}
    change = look("file", {"path": str(path), "state": "absent"})
    assert change.before == {"path": str(path), "state": "directory"}, "not listed when nobody asks for the diff"


def test_the_diff_of_a_mode_names_both_modes(tmp_path: Path) -> None:
    path = str(fill(tmp_path, HOUSE) / "file")
    [diff] = settled(tmp_path, "file", {"path": path, "mode": "0600"})["diff"]
    assert diff == {"before": {"path": path, "mode": "0644"}, "after": {"path": path, "mode": "0600"}}


def test_the_diff_of_a_new_folder_is_from_absent_to_directory(tmp_path: Path) -> None:
    path = str(tmp_path / "a" / "b")
    [diff] = settled(tmp_path, "file", {"path": path, "state": "directory"})["diff"]
    assert diff == {"before": {"path": path, "state": "absent"}, "after": {"path": path, "state": "directory"}}


def test_recurse_gives_everything_below_the_mode_and_says_how_many(tmp_path: Path) -> None:
    fill(tmp_path, HOUSE)
    args = {"path": str(tmp_path / "full"), "state": "directory", "recurse": True, "mode": "u=rwX,go="}
    change = look("file", args)
    assert [part.summary for part in change.parts] == [
        f"set mode of {tmp_path}/full",
        f"set attributes of 2 things below {tmp_path}/full",
    ]
    settled(tmp_path, "file", args)
    assert kinds(tmp_path / "full") == {"inner": "file 0600", "deep": "directory 0700", "deep/x": "file 0600"}
    assert kinds(tmp_path)["file"] == "file 0644"


def test_recurse_follows_links_out_of_the_folder_only_when_told_to(tmp_path: Path) -> None:
    fill(tmp_path, {"in/link -> ../out": None, "out/x": "x", "in/file -> ../single": None, "single": "s"})
    args = {"path": str(tmp_path / "in"), "state": "directory", "recurse": True, "mode": "go-rwx"}
    settled(tmp_path, "file", {**args, "follow": False})
    assert (kinds(tmp_path)["out"], kinds(tmp_path)["single"]) == ("directory 0755", "file 0644")
    settled(tmp_path, "file", args)
    assert (kinds(tmp_path)["out"], kinds(tmp_path)["out/x"]) == ("directory 0700", "file 0600")
    assert kinds(tmp_path)["single"] == "file 0600"


def test_recurse_ends_where_links_go_round_and_where_they_lead_nowhere(tmp_path: Path) -> None:
    fill(tmp_path, {"in/x": "x", "in/round -> .": None, "in/up -> ..": None, "in/dead -> nowhere": None})
    args = {"path": str(tmp_path / "in"), "state": "directory", "recurse": True, "mode": "go-rwx"}
    settled(tmp_path, "file", args)
    assert kinds(tmp_path)["in/x"] == "file 0600"


def test_a_mode_that_hides_the_folder_from_its_owner_still_reaches_what_is_below(tmp_path: Path) -> None:
    fill(tmp_path, {"in/a/b/c": "c"})
    args = {"path": str(tmp_path / "in"), "state": "directory", "recurse": True, "mode": "0700"}
    settled(tmp_path, "file", args)
    assert set(kinds(tmp_path / "in").values()) == {"directory 0700", "file 0700"}


def test_a_folder_behind_a_link_is_the_folder_unless_links_are_not_followed(tmp_path: Path) -> None:
    fill(tmp_path, {"real": None, "link -> real": None})
    args = {"path": str(tmp_path / "link"), "state": "directory", "mode": "0700"}
    assert "already exists as a link" in refused(tmp_path, "file", {**args, "follow": False})
    assert settled(tmp_path, "file", args)["path"] == str(tmp_path / "real")
    assert kinds(tmp_path) == {"real": "directory 0700", "link": "-> real"}


def test_check_mode_forgives_owners_that_an_earlier_task_would_have_made(tmp_path: Path) -> None:
    fill(tmp_path, HOUSE)
    target = a_target(check=True)
    args = {"path": str(tmp_path / "file"), "owner": "later-user", "group": "later-group", "mode": "0600"}
    assert run("file", args, target)["changed"] is True
    assert target.warnings == [
        "failed to look up user later-user. Create user up to this point in real play",
        "failed to look up group later-group. Create group up to this point in real play",
    ]
    assert "failed to look up user" in refused(tmp_path, "file", args)


def test_removing_is_not_stopped_by_an_owner_that_nobody_has(tmp_path: Path) -> None:
    fill(tmp_path, HOUSE)
    args = {"path": str(tmp_path / "file"), "state": "absent", "owner": "nobody-has-this"}
    assert settled(tmp_path, "file", args)["changed"] is True


def test_a_file_that_somebody_else_removes_in_between_is_gone_as_wanted(tmp_path: Path) -> None:
    fill(tmp_path, HOUSE)
    change = look("file", {"path": str(tmp_path / "file"), "state": "absent"})
    (tmp_path / "file").unlink()
    assert isinstance(change, Change) and change.perform is not None
    assert change.perform() is None


def test_a_folder_that_somebody_else_makes_in_between_gets_the_mode(tmp_path: Path) -> None:
    change = look("file", {"path": str(tmp_path / "a"), "state": "directory", "mode": "0700"})
    (tmp_path / "a").mkdir()
    assert change.parts[0].perform() is None
    assert kinds(tmp_path) == {"a": "directory 0700"}


@pytest.mark.parametrize(("path", "word"), [("file", "unlinking failed"), ("full", "rmtree failed")])
def test_what_cannot_be_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, word: str) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    fill(tmp_path, HOUSE)
    monkeypatch.setattr(os, "unlink", forbidden)
    monkeypatch.setattr("shutil.rmtree", forbidden)
    said = refused(tmp_path, "file", {"path": str(tmp_path / path), "state": "absent"})
    assert said == f"{word}: [Errno 1] Operation not permitted"


def test_src_with_a_folder_as_path_means_a_name_in_that_folder(tmp_path: Path) -> None:
    fill(tmp_path, HOUSE)
    args = {"path": str(tmp_path / "empty"), "state": "hard", "src": str(tmp_path / "file")}
    assert settled(tmp_path, "file", args)["dest"] == str(tmp_path / "empty" / "file")
    assert (tmp_path / "empty" / "file").samefile(tmp_path / "file")
