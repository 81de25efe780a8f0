"""Archives: names as they are on the disk, and zip archives that mean harm or meet something in their way."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from provision.agent.change import Unchanged
from tests.unit.agent.fakes import FakeProcesses, a_target, look, printed, run, tree
from tests.unit.agent.given import fill, refused, settled, texts

LINK, FILE = stat.S_IFLNK | 0o777, stat.S_IFREG | 0o644


@pytest.fixture(autouse=True)
def plain_umask() -> Any:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    (tmp_path / "to").mkdir()
    return tmp_path / "to"


def packed(dest: Path, *members: tuple[str, int, str]) -> dict[str, Any]:
    """Arguments that unpack a zip archive of (name, type and mode, content)."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, mode, content in members:
            info = zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10))
            info.external_attr = mode << 16
            archive.writestr(info, content)
    source = dest.with_name("x.zip")
    source.write_bytes(data.getvalue())
    return {"src": str(source), "dest": str(dest), "remote_src": True}


@pytest.mark.parametrize(
    "members",
    [
        [("a", LINK, "/etc"), ("a/passwd", FILE, "root::0")],
        [("a/passwd", FILE, "root::0"), ("a", LINK, "/etc")],
        [("a", LINK, ".."), ("a/b", LINK, "/etc")],
        [("deep/a", LINK, "../.."), ("deep/./a/b/c", FILE, "x")],
        [("x/../../../etc/passwd", FILE, "root::0")],
        [("..", FILE, "x")],
    ],
    ids=str,
)
def test_no_archive_writes_outside_not_even_through_links_of_its_own(
    dest: Path, members: Sequence[tuple[str, int, str]]
) -> None:
    said = refused(dest.parent, "unarchive", packed(dest, *members))
    assert said.startswith("the archive wants to write ")


def test_a_link_that_the_user_made_is_gone_through(dest: Path) -> None:
    fill(dest.parent, {"elsewhere": None, "to/data -> ../elsewhere": None})
    settled(dest, "unarchive", packed(dest, ("data/x", FILE, "x")))
    assert texts(dest.parent / "elsewhere") == {"x": "x"}


def test_a_link_beside_a_name_that_begins_like_it_is_no_harm(dest: Path) -> None:
    settled(dest, "unarchive", packed(dest, ("lib", LINK, "lib64"), ("lib64/x", FILE, "x")))
    assert texts(dest) == {"lib": "lib64", "lib64/x": "x"}


@pytest.mark.parametrize("mode", [FILE, LINK])
def test_a_folder_in_the_way_of_a_file_is_told(dest: Path, mode: int) -> None:
    fill(dest, {"a/mine": "mine"})
    said = refused(dest, "unarchive", packed(dest, ("a", mode, "b")))
    assert said == f"a folder is where the archive has a file: {dest}/a"


@pytest.mark.parametrize(
    ("before", "member", "after"),
    [
        ({"a": "old"}, ("a", FILE, "new"), ("file", "0644", "new")),
        ({"a": (0o600, "same")}, ("a", FILE, "same"), ("file", "0644", "same")),
        ({"a -> b": None, "b": "mine"}, ("a", FILE, "new"), ("file", "0644", "new")),
        ({"a -> gone": None}, ("a", FILE, "new"), ("file", "0644", "new")),
        ({"a -> b": None}, ("a", LINK, "c"), ("link", "", "c")),
        ({"a": "file"}, ("a", LINK, "c"), ("link", "", "c")),
        ({}, ("a", stat.S_IFREG | 0o4755, "run"), ("file", "4755", "run")),
        ({}, ("a", stat.S_IFREG | 0o666, "x"), ("file", "0644", "x")),
    ],
    ids=str,
)
def test_what_stands_where_a_member_goes_is_replaced_and_nothing_else(
    dest: Path, before: Any, member: tuple[str, int, str], after: tuple[str, str, str]
) -> None:
    fill(dest, before)
    assert settled(dest, "unarchive", packed(dest, member))["changed"] is True
    assert tree(dest)["a"] == after
    assert tree(dest).get("b", ("", "", "mine"))[2] == "mine"


def test_the_diff_lists_the_members_and_the_result_the_handler(dest: Path) -> None:
    result = settled(dest, "unarchive", packed(dest, ("a", FILE, "x"), ("b/c", FILE, "y")))
    assert result["diff"] == [{"before": "", "after": "a\nb/c\n"}]
    assert (result["handler"], result["dest"]) == ("ZipArchive", str(dest))


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({"include": ["a*"]}, {"a1", "a2"}),
        ({"exclude": ["a2", "b*"]}, {"a1"}),
        ({"include": ["a1", "b"]}, {"a1", "b"}),
    ],
    ids=str,
)
def test_members_are_chosen_by_pattern(dest: Path, choice: dict[str, Any], names: set[str]) -> None:
    members = [(name, FILE, name) for name in ("a1", "a2", "b")]
    settled(dest, "unarchive", {**packed(dest, *members), **choice})
    assert set(texts(dest)) == names


def test_a_mode_of_the_task_goes_over_the_archives_and_reaches_its_folders(dest: Path) -> None:
    args = {**packed(dest, ("top/a", FILE, "x"), ("top/b", FILE, "y")), "mode": "u=rwX,go="}
    settled(dest, "unarchive", args)
    assert {name: mode for name, (_, mode, _) in tree(dest).items()} == {
        "top": "0700",
        "top/a": "0600",
        "top/b": "0600",
    }


@pytest.mark.parametrize(
    ("args", "msg"),
    [
        ({"src": "/no/such.zip"}, "Source '/no/such.zip' does not exist"),
        ({"dest": "/no/such"}, "dest '/no/such' must be an existing dir"),
        ({"extra_opts": ["-j"]}, "extra_opts is refused for a zip archive"),
    ],
    ids=str,
)
def test_what_cannot_be_unpacked_is_told(dest: Path, args: dict[str, Any], msg: str) -> None:
    assert refused(dest, "unarchive", {**packed(dest, ("a", FILE, "x")), **args}).startswith(msg)


def test_an_empty_file_is_no_archive(dest: Path) -> None:
    args = packed(dest, ("a", FILE, "x"))
    Path(args["src"]).write_bytes(b"")
    assert refused(dest, "unarchive", args) == f"Invalid archive '{args['src']}', the file is 0 bytes"


def test_what_creates_names_may_be_a_pattern(dest: Path) -> None:
    fill(dest, {"bin-1.2": "x"})
    args = packed(dest, ("a", FILE, "x"))
    result = settled(dest, "unarchive", {**args, "creates": f"{dest}/bin-*"})
    assert result["skipped"] is True and "a" not in texts(dest)
    assert settled(dest, "unarchive", {**args, "creates": f"{dest}/lib-*"})["changed"] is True


TAR_NAMES = [
    ("./a/b", "./a/b"),
    ("/abs/name", "abs/name"),
    ("gr\\303\\266\\303\\237e", "größe"),
    ("back\\\\slash", "back\\slash"),
    ("new\\nline", "new\nline"),
    ("tab\\there", "tab\there"),
    ("del\\177", "del\x7f"),
    ("\\\\303", "\\303"),
    ("caf\\351", "caf\udce9"),
]


@pytest.mark.parametrize(("listed", "name"), TAR_NAMES)
def test_a_name_that_tar_lists_in_escapes_is_the_name_on_the_disk(dest: Path, listed: str, name: str) -> None:
    source = fill(dest.parent, {"x.tar": "no magic"}) / "x.tar"
    processes = FakeProcesses(("--list", printed(f"{listed}\n")), ("--diff", printed()))
    args = {"src": str(source), "dest": str(dest), "remote_src": True, "list_files": True}
    assert run("unarchive", args, a_target(processes))["files"] == [name]


def test_the_mode_of_the_task_reaches_files_with_umlauts_in_a_tar(dest: Path) -> None:
    fill(dest.parent, {"x.tar": "no magic", "to/größe": "x"})
    processes = FakeProcesses(("--list", printed("gr\\303\\266\\303\\237e\n")), ("--diff", printed()))
    args = {"src": str(dest.parent / "x.tar"), "dest": str(dest), "remote_src": True, "mode": "0600"}
    assert run("unarchive", args, a_target(processes))["changed"] is True
    assert tree(dest)["größe"] == ("file", "0600", "x")
    assert isinstance(look("unarchive", args, a_target(processes)), Unchanged)


def test_a_file_that_tar_cannot_read_names_what_may_be_missing(dest: Path) -> None:
    source = fill(dest.parent, {"x.tar": "no magic"}) / "x.tar"
    processes = FakeProcesses(("--list", printed("", 2, "tar: This does not look like a tar archive")))
    args = {"src": str(source), "dest": str(dest), "remote_src": True}
    assert refused(dest, "unarchive", args, processes=processes).startswith(f'Failed to find handler for "{source}"')


def test_gnu_tar_by_its_other_name_comes_first_and_zstd_must_be_there(dest: Path) -> None:
    source = dest.parent / "x.tar.zst"
    source.write_bytes(b"\x28\xb5\x2f\xfd....")
    processes = FakeProcesses(("", printed()))
    args = {"src": str(source), "dest": str(dest), "remote_src": True}
    run("unarchive", args, a_target(processes))
    assert processes.lines[0].startswith("/bin/gtar --list") and "--use-compress-program=zstd" in processes.lines[0]
    lacking = FakeProcesses(("", printed()), missing=["zstd"])
    assert 'required executable "zstd"' in refused(dest, "unarchive", args, processes=lacking)
