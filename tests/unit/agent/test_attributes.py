"""Mode, owner, group, flags: how what is there differs from what is wanted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from provision.agent import attributes, flags
from provision.agent.attributes import Wanted
from provision.agent.errors import Failed
from provision.agent.flags import Flags


@pytest.fixture
def file(tmp_path: Path) -> Path:
    before = os.umask(0o022)
    path = tmp_path / "x"
    path.touch()
    path.chmod(0o644)
    os.umask(before)
    return path


@pytest.mark.parametrize(
    ("has", "wanted", "gives"),
    [
        (0o644, "0600", 0o600),
        (0o644, 384, 0o600),
        (0o644, "u+x", 0o744),
        (0o644, "a-r", 0o200),
        (0o755, "go=", 0o700),
        (0o700, "g=u,o=g", 0o777),
        (0o644, "u+s,g+s,+t", 0o7644),
        (0o7777, "u-s,g-s,o-t", 0o777),
        (0o644, "a+X", 0o644),
        (0o744, "a+X", 0o755),
        (0o600, "ug=rw,o=", 0o660),
        (0o644, "u=rw-w+x", 0o544),
    ],
)
def test_modes(file: Path, has: int, wanted: Any, gives: int) -> None:
    file.chmod(has)
    assert attributes.mode_bits(wanted, file.stat()) == gives


@pytest.mark.parametrize("mode", ["rwx", "u+z", "z+x", "", True, 1.5, 0o100644])
def test_what_is_no_mode_is_refused(file: Path, mode: Any) -> None:
    with pytest.raises(Failed, match=r"mode|Invalid"):
        attributes.mode_bits(mode, file.stat())


def test_no_difference_is_no_change(file: Path) -> None:
    assert attributes.look(str(file), Wanted("0644", str(os.getuid()), str(os.getgid()))) is None
    assert attributes.look(str(file), Wanted()) is None


def test_a_difference_is_told_and_closed(file: Path) -> None:
    change = attributes.look(str(file), Wanted("0600"))
    assert change is not None and change.perform is not None
    assert (change.before, change.after) == ({"path": str(file), "mode": "0644"}, {"path": str(file), "mode": "0600"})
    change.perform()
    assert file.stat().st_mode & 0o7777 == 0o600


def test_the_mode_of_a_link_is_nobodys_wish(tmp_path: Path, file: Path) -> None:
    (tmp_path / "link").symlink_to("x")
    assert attributes.look(str(tmp_path / "link"), Wanted("0600")) is None
    attributes.set_attributes(str(tmp_path / "link"), Wanted("0600"))
    assert file.stat().st_mode & 0o7777 == 0o644


def test_owners_by_name_and_number(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owned: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "lchown", lambda path, uid, gid: owned.append((uid, gid)))
    change = attributes.look(str(file), Wanted(owner="12345", group="54321"))
    assert change is not None and change.perform is not None
    assert change.after == {"path": str(file), "owner": 12345, "group": 54321}
    change.perform()
    assert owned == [(12345, 54321)]
    assert attributes.user_id("root") == 0 and attributes.user_name(0) == "root"
    assert attributes.user_name(987654) == "987654"


@pytest.mark.parametrize(("want", "msg"), [(Wanted(owner="nobody-x"), "chown"), (Wanted(group="nobody-x"), "chgrp")])
def test_names_that_nobody_has(file: Path, want: Wanted, msg: str) -> None:
    with pytest.raises(Failed, match=f"{msg} failed: failed to look up"):
        attributes.look(str(file), want)


def test_not_being_allowed_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "lchown", refuse)
    with pytest.raises(Failed, match="chown failed: Operation not permitted"):
        attributes.set_attributes(str(file), Wanted(owner="12345"))
    monkeypatch.setattr(os, "chmod", refuse)
    with pytest.raises(Failed, match="chmod failed: Operation not permitted"):
        attributes.set_attributes(str(file), Wanted("0600"))


def test_owner_comes_before_mode_because_chown_clears_bits(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(os, "lchown", lambda *args: order.append("chown"))
    monkeypatch.setattr(os, "chmod", lambda *args: order.append("chmod"))
    attributes.set_attributes(str(file), Wanted("4755", "12345"))
    assert order == ["chown", "chmod"]


def test_what_every_result_with_a_path_carries(tmp_path: Path, file: Path) -> None:
    found = attributes.describe(str(file))
    assert (found["mode"], found["state"], found["size"], found["uid"]) == ("0644", "file", 0, os.getuid())
    os.link(file, tmp_path / "second")
    (tmp_path / "link").symlink_to("x")
    (tmp_path / "dangling").symlink_to("nothing")
    states = [attributes.describe(str(path)).get("state") for path in (file, tmp_path / "link", tmp_path)]
    assert states == ["hard", "link", "directory"]
    assert attributes.describe(str(tmp_path / "dangling")) == {} == attributes.describe("/no/such")


@pytest.mark.parametrize(
    ("has", "spec", "gives"),
    [
        (0x80000, "+i", 0x80010),
        (0x80010, "-i", 0x80000),
        (0x80010, "=a", 0x80020),
        (0x80000, "ia", 0x80030),
        (0, "", 0),
    ],
)
def test_flags(has: int, spec: str, gives: int) -> None:
    assert flags.wanted_bits("/x", spec, has) == gives


def test_flags_have_names_and_letters() -> None:
    found = Flags(0x80010, 1)
    assert (found.letters(), found.names()) == ("ie", ["immutable", "extents"])
    with pytest.raises(Failed, match="unknown flag"):
        flags.wanted_bits("/x", "+q", 0)


def test_flags_that_differ_are_a_change(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(flags, "read", lambda path: Flags(0x80000, 1))
    monkeypatch.setattr(flags, "write", lambda path, spec: written.append(spec))
    change = attributes.look(str(file), Wanted(flags="+i"))
    assert change is not None and change.perform is not None
    change.perform()
    assert written == ["+i"]
    assert attributes.look(str(file), Wanted(flags="-i")) is None
    monkeypatch.setattr(flags, "read", lambda path: None)
    with pytest.raises(Failed, match="no flags"):
        attributes.look(str(file), Wanted(flags="+i"))
