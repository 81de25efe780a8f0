"""file: hard links, links that replace something, touch, and times."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from provision.agent.modules import file_links
from tests.unit.agent.fakes import a_target, look, run, tree
from tests.unit.agent.given import fill, refused, settled, texts

MOMENT = "202001020304.05"
SECONDS = time.mktime(time.strptime(MOMENT, "%Y%m%d%H%M.%S"))


@pytest.fixture(autouse=True)
def plain_umask() -> Any:
    before = os.umask(0o022)
    yield
    os.umask(before)


def dated(path: Path, mtime: float = 1_000_000, atime: float = 2_000_000) -> Path:
    os.utime(path, (atime, mtime))
    return path


def times(path: Path) -> tuple[float, float]:
    """Modification and access."""
    status = path.stat()
    return status.st_mtime, status.st_atime


def once(args: dict[str, Any]) -> dict[str, Any]:
    """As `settled`, without reading the files: that would move their access times."""
    checked = run("file", args, a_target(check=True, diff=True))
    result = run("file", args, a_target(diff=True))
    assert result["changed"] is True and checked == result
    assert run("file", args, a_target(diff=True))["changed"] is False
    return result


def test_a_hard_link_is_the_same_file(tmp_path: Path) -> None:
    fill(tmp_path, {"a": "text"})
    args = {"path": str(tmp_path / "b"), "state": "hard", "src": str(tmp_path / "a")}
    result = settled(tmp_path, "file", args)
    assert (result["dest"], result["src"]) == (f"{tmp_path}/b", f"{tmp_path}/a")
    assert result["diff"] == [
        {
            "before": {"path": f"{tmp_path}/b", "state": "absent"},
            "after": {"path": f"{tmp_path}/b", "state": "hard", "src": f"{tmp_path}/a"},
        }
    ]
    assert (tmp_path / "a").samefile(tmp_path / "b")


def test_a_file_that_is_something_else_becomes_a_hard_link_only_when_forced(tmp_path: Path) -> None:
    fill(tmp_path, {"a": "text", "b": "other"})
    args = {"path": str(tmp_path / "b"), "state": "hard", "src": str(tmp_path / "a")}
    assert refused(tmp_path, "file", args) == "Cannot link, file exists at destination"
    settled(tmp_path, "file", {**args, "force": True})
    assert (tmp_path / "a").samefile(tmp_path / "b") and sorted(texts(tmp_path)) == ["a", "b"]


def test_another_hard_link_is_called_by_its_name(tmp_path: Path) -> None:
    fill(tmp_path, {"a": "text", "b": "other"})
    os.link(tmp_path / "b", tmp_path / "c")
    args = {"path": str(tmp_path / "b"), "state": "hard", "src": str(tmp_path / "a")}
    assert refused(tmp_path, "file", args) == "Cannot link, different hard link exists at destination"
    settled(tmp_path, "file", {**args, "force": True})
    assert texts(tmp_path) == {"a": "text", "b": "text", "c": "other"}


def test_a_hard_link_stays_as_it_is_without_a_source(tmp_path: Path) -> None:
    fill(tmp_path, {"a": "text"})
    os.link(tmp_path / "a", tmp_path / "b")
    assert settled(tmp_path, "file", {"path": str(tmp_path / "b"), "state": "hard"})["changed"] is False


@pytest.mark.parametrize(("follow", "is_link"), [(True, False), (False, True)])
def test_a_hard_link_to_a_symbolic_one_is_to_its_aim_when_followed(tmp_path: Path, follow: bool, is_link: bool) -> None:
    fill(tmp_path, {"a": "text", "soft -> a": None})
    args = {"path": str(tmp_path / "b"), "state": "hard", "src": str(tmp_path / "soft"), "follow": follow}
    assert run("file", args)["changed"] is True
    assert (tmp_path / "b").is_symlink() is is_link
    assert (tmp_path / "b").samefile(tmp_path / "a")


def test_a_hard_link_does_not_take_the_place_of_a_folder(tmp_path: Path) -> None:
    fill(tmp_path, {"a": "text", "folder": None})
    args = {"path": str(tmp_path / "folder"), "state": "absent", "src": str(tmp_path / "a")}
    change = file_links.hard(f"{tmp_path}/new", f"{tmp_path}/a", False, True, "absent")
    assert change is not None and change.summary == f"hard link {tmp_path}/new to {tmp_path}/a"
    with pytest.raises(Exception, match="Cannot link: a folder is at the destination"):
        file_links.hard(args["path"], args["src"], True, True, "directory")


@pytest.mark.parametrize("state", ["link", "hard"])
def test_a_new_link_brings_mode_and_times_at_once(tmp_path: Path, state: str) -> None:
    fill(tmp_path, {"a": "text"})
    args = {"path": str(tmp_path / "b"), "state": state, "src": str(tmp_path / "a"), "mode": "0600"}
    settled(tmp_path, "file", {**args, "modification_time": MOMENT})
    assert tree(tmp_path)["a"] == ("file", "0600", "text")
    assert times(tmp_path / "a")[0] == SECONDS


@pytest.mark.parametrize("state", ["link", "hard"])
def test_a_new_link_brings_times_alone(tmp_path: Path, state: str) -> None:
    mtime = times(dated(fill(tmp_path, {"a": "text"}) / "a"))[0]
    args = {"path": str(tmp_path / "b"), "state": state, "src": str(tmp_path / "a"), "access_time": MOMENT}
    once(args)
    assert times(tmp_path / "a") == (mtime, SECONDS)


def test_a_hard_link_in_place_of_a_file_has_the_mode_of_the_task(tmp_path: Path) -> None:
    fill(tmp_path, {"a": (0o644, "text"), "b": (0o600, "other")})
    args = {"path": str(tmp_path / "b"), "state": "hard", "src": str(tmp_path / "a"), "force": True, "mode": "0600"}
    settled(tmp_path, "file", args)
    assert tree(tmp_path) == {"a": ("file", "0600", "text"), "b": ("file", "0600", "text")}


def test_the_mode_of_a_link_goes_to_its_aim_and_nowhere_when_not_followed(tmp_path: Path) -> None:
    fill(tmp_path, {"a": "text", "link -> a": None})
    args = {"path": str(tmp_path / "link"), "state": "link", "src": "a", "mode": "0600"}
    assert settled(tmp_path, "file", {**args, "follow": False})["changed"] is False
    assert settled(tmp_path, "file", args)["changed"] is True
    assert tree(tmp_path) == {"a": ("file", "0600", "text"), "link": ("link", "", "a")}


def test_a_mode_for_a_link_that_leads_nowhere_draws_a_warning(tmp_path: Path) -> None:
    target = a_target()
    args = {"path": str(tmp_path / "l"), "state": "link", "src": "nowhere", "force": True, "mode": "0600"}
    assert run("file", args, target)["changed"] is True
    assert target.warnings == [
        "Cannot set fs attributes on a non-existent symlink target. follow should be set to False."
    ]


def test_the_diff_of_a_link_that_moves_names_both_aims(tmp_path: Path) -> None:
    fill(tmp_path, {"a": "", "b": "", "link -> a": None})
    [diff] = settled(tmp_path, "file", {"path": str(tmp_path / "link"), "state": "link", "src": "b"})["diff"]
    assert (diff["before"]["src"], diff["after"]["src"]) == ("a", "b")


def test_a_link_that_moves_is_never_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, {"a": "", "b": "", "link -> a": None})
    seen: list[str] = []
    rename = os.rename

    def watching(old: str, new: str) -> None:
        seen.append(os.readlink(tmp_path / "link"))
        rename(old, new)
        seen.append(os.readlink(tmp_path / "link"))

    monkeypatch.setattr(os, "rename", watching)
    run("file", {"path": str(tmp_path / "link"), "state": "link", "src": "b"})
    assert seen == ["a", "b"]


def test_a_link_that_cannot_be_moved_leaves_no_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    fill(tmp_path, {"a": "", "b": "", "link -> a": None})
    monkeypatch.setattr(os, "rename", forbidden)
    said = refused(tmp_path, "file", {"path": str(tmp_path / "link"), "state": "link", "src": "b"})
    assert said.startswith("Error while linking: [Errno 1]")


def test_touch_makes_an_empty_file_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "new"
    args = {"path": str(path), "state": "touch", "mode": "0640"}
    [diff] = run("file", args, a_target(check=True, diff=True))["diff"]
    assert diff == {"before": {"path": str(path), "state": "absent"}, "after": {"path": str(path), "state": "touch"}}
    assert tree(tmp_path) == {}
    assert run("file", args) == {"changed": True, "dest": str(path)}
    assert tree(tmp_path) == {"new": ("file", "0640", "")}


def test_touch_keeps_the_content_and_moves_both_times_to_now(tmp_path: Path) -> None:
    path = dated(fill(tmp_path, {"a": "text"}) / "a")
    start = time.time() - 1
    assert run("file", {"path": str(path), "state": "touch"})["changed"] is True
    assert min(times(path)) >= start and path.read_text() == "text"


@pytest.mark.parametrize(
    ("args", "mtime", "atime"),
    [
        ({"modification_time": "preserve"}, 1_000_000, None),
        ({"access_time": "preserve"}, None, 2_000_000),
        ({"modification_time": MOMENT, "access_time": "preserve"}, SECONDS, 2_000_000),
        ({"modification_time": "preserve", "access_time": MOMENT}, 1_000_000, SECONDS),
        ({"modification_time": "now", "access_time": MOMENT}, None, SECONDS),
    ],
    ids=str,
)
def test_touch_takes_each_time_for_itself(
    tmp_path: Path, args: dict[str, str], mtime: float | None, atime: float | None
) -> None:
    path = dated(fill(tmp_path, {"a": "text"}) / "a")
    start = time.time() - 1
    run("file", {"path": str(path), "state": "touch", **args})
    for has, wants in zip(times(path), (mtime, atime)):
        assert has >= start if wants is None else has == wants


def test_touch_of_a_link_is_touch_of_its_file(tmp_path: Path) -> None:
    path = dated(fill(tmp_path, {"a": "text", "link -> a": None}) / "a")
    given = {"mode": "0600", "modification_time": MOMENT, "access_time": MOMENT}
    once({"path": str(tmp_path / "link"), "state": "touch", **given})
    assert times(path) == (SECONDS, SECONDS) and tree(tmp_path)["a"][1] == "0600"


def test_touch_that_cannot_finish_leaves_no_new_file(tmp_path: Path) -> None:
    args = {"path": str(tmp_path / "new"), "state": "touch"}
    assert "failed to look up user" in refused(tmp_path, "file", {**args, "owner": "nobody-has-this"})
    assert "Error while obtaining timestamp" in refused(tmp_path, "file", {**args, "modification_time": "noon"})


@pytest.mark.parametrize("state", ["file", "directory", "touch"])
def test_given_times_are_set_once(tmp_path: Path, state: str) -> None:
    fill(tmp_path, {"folder" if state == "directory" else "a": None if state == "directory" else "text"})
    path = dated(tmp_path / ("folder" if state == "directory" else "a"))
    args = {"path": str(path), "state": state, "modification_time": MOMENT, "access_time": MOMENT}
    [diff] = once(args)["diff"]
    assert diff["before"] == {"path": str(path), "mtime": 1_000_000, "atime": 2_000_000}
    assert diff["after"] == {"path": str(path), "mtime": SECONDS, "atime": SECONDS}
    assert times(path) == (SECONDS, SECONDS)


def test_a_new_folder_gets_its_times(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    settled(tmp_path, "file", {"path": str(path), "state": "directory", "modification_time": MOMENT})
    assert times(path)[0] == SECONDS and times(tmp_path / "a")[0] > SECONDS


def test_recurse_sets_times_below_and_only_where_they_differ(tmp_path: Path) -> None:
    fill(tmp_path, {"in/a": "", "in/b": ""})
    os.utime(tmp_path / "in" / "a", (SECONDS, SECONDS))
    args = {"path": str(tmp_path / "in"), "state": "directory", "recurse": True, "modification_time": MOMENT}
    assert [part.summary for part in look("file", args).parts][-1].startswith("set attributes of 1 things below")
    settled(tmp_path, "file", args)
    assert {times(path)[0] for path in (tmp_path / "in", *(tmp_path / "in").iterdir())} == {SECONDS}


def test_times_have_the_form_that_the_task_says(tmp_path: Path) -> None:
    path = dated(fill(tmp_path, {"a": ""}) / "a")
    args = {"path": str(path), "modification_time": "2020-01-02 03:04:05"}
    assert "using format %Y%m%d%H%M.%S" in run("file", args)["msg"]
    once({**args, "modification_time_format": "%Y-%m-%d %H:%M:%S"})
    assert times(path) == (SECONDS, 2_000_000)
    once({"path": str(path), "access_time": "2020", "access_time_format": "%Y"})
    assert times(path) == (SECONDS, time.mktime(time.strptime("2020", "%Y")))


def test_times_that_may_not_be_set_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    fill(tmp_path, {"a": ""})
    monkeypatch.setattr(os, "utime", forbidden)
    said = refused(tmp_path, "file", {"path": str(tmp_path / "a"), "modification_time": MOMENT})
    assert said.startswith("Error while updating modification or access time: [Errno 1]")


def test_both_times_now_is_left_to_the_kernel_so_that_writers_may_touch_what_is_not_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = dated(fill(tmp_path, {"a": ""}) / "a")
    asked: list[Any] = []
    monkeypatch.setattr(os, "utime", lambda path, times: asked.append(times))
    run("file", {"path": str(path), "state": "touch"})
    assert asked == [None]
