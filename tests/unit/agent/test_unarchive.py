"""unarchive: zip for real, tar through what GNU tar prints."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.unit.agent.fakes import FakeProcesses, a_target, offered, printed, run, tree


@pytest.fixture(autouse=True)
def plain_umask() -> Any:
    before = os.umask(0o022)
    yield
    os.umask(before)


def zipped(*extra: tuple[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in (("top/a.txt", b"aaa\n", 0o644), ("top/run", b"#!\n", 0o755)):
            info = zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10))
            info.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(info, content)
        link = zipfile.ZipInfo("top/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, b"a.txt")
        archive.writestr("top/empty/", b"")
        for name, content in extra:
            archive.writestr(name, content)
    return data.getvalue()


def unzip(dest: Path, data: bytes | None = None, **args: Any) -> dict[str, Any]:
    source = dest.with_name("x.zip")
    source.write_bytes(zipped() if data is None else data)
    target = a_target(check=args.pop("check", False), diff=True)
    return run("unarchive", {"src": str(source), "dest": str(dest), "remote_src": True, **args}, target)


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    (tmp_path / "to").mkdir()
    return tmp_path / "to"


def test_a_zip_archive_is_unpacked_once(dest: Path) -> None:
    result = unzip(dest, list_files=True)
    assert (result["changed"], result["handler"]) == (True, "ZipArchive")
    assert result["files"] == ["top/a.txt", "top/run", "top/link", "top/empty/"]
    assert tree(dest) == {
        "top": ("directory", "0755", ""),
        "top/a.txt": ("file", "0644", "aaa\n"),
        "top/empty": ("directory", "0755", ""),
        "top/link": ("link", "", "a.txt"),
        "top/run": ("file", "0755", "#!\n"),
    }
    assert unzip(dest)["changed"] is False


def test_what_was_changed_is_unpacked_again_and_the_rest_left(dest: Path) -> None:
    unzip(dest)
    untouched = (dest / "top" / "run").stat().st_ino
    (dest / "top" / "a.txt").write_text("bbb\n")
    (dest / "besides").touch()
    assert unzip(dest, check=True)["changed"] is True
    assert unzip(dest)["changed"] is True
    assert (dest / "top" / "a.txt").read_text() == "aaa\n" and (dest / "besides").exists()
    assert (dest / "top" / "run").stat().st_ino == untouched


def test_newer_files_are_kept_when_asked_to(dest: Path) -> None:
    unzip(dest)
    (dest / "top" / "a.txt").write_text("newer\n")
    assert unzip(dest, keep_newer=True)["changed"] is False


def test_members_can_be_chosen(dest: Path) -> None:
    unzip(dest, include=["top/a*"])
    assert sorted(tree(dest)) == ["top", "top/a.txt"]
    unzip(dest, exclude=["*/link", "top/empty*"])
    assert sorted(tree(dest)) == ["top", "top/a.txt", "top/run"]


def test_owner_and_mode_of_everything_that_came(dest: Path) -> None:
    assert unzip(dest, mode="u=rwX,go=")["changed"] is True
    assert {mode for kind, mode, _ in tree(dest).values() if kind == "file"} == {"0600", "0700"}
    assert unzip(dest, mode="u=rwX,go=")["changed"] is False


@pytest.mark.parametrize("name", ["../evil", "top/../../evil"])
def test_an_archive_cannot_write_outside(dest: Path, name: str) -> None:
    result = unzip(dest, zipped((name, b"x")))
    assert result["failed"] and "outside of dest" in result["msg"]
    assert not (dest.parent / "evil").exists()


def test_an_absolute_name_stays_inside(dest: Path) -> None:
    unzip(dest, zipped(("/abs", b"x")))
    assert (dest / "abs").read_text() == "x"


def test_a_broken_zip_and_options_for_a_program_that_is_not_started(dest: Path) -> None:
    assert "no zip archive" in unzip(dest, b"PK\3\4 rubbish")["msg"]
    assert "refused" in unzip(dest, extra_opts=["-j"])["msg"]


def test_an_archive_of_the_controller_leaves_no_copy(
    dest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from provision.agent.modules import unarchive

    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(unarchive, "_scratch", lambda: str(tmp_path / "scratch"))
    for changed in (True, False):
        reference, target = offered(zipped())
        result = run("unarchive", {"src": "x.zip", "dest": str(dest), "_content": reference}, target)
        assert result["changed"] is changed
        assert list((tmp_path / "scratch").iterdir()) == []


def test_creates_and_places_that_are_not_there(dest: Path) -> None:
    assert unzip(dest, creates=str(dest))["skipped"] is True
    assert "existing dir" in run("unarchive", {"src": "/x.zip", "dest": "/no/such", "remote_src": True})["msg"]
    assert "does not exist" in run("unarchive", {"src": "/no.zip", "dest": str(dest), "remote_src": True})["msg"]
    assert "0 bytes" in unzip(dest, b"")["msg"]


MAGIC = {
    b"\x1f\x8bxx": ("-z", "TgzArchive"),
    b"BZh9": ("-j", "TarBzipArchive"),
    b"\xfd7zXZ\0": ("-J", "TarXzArchive"),
    b"\x28\xb5\x2f\xfd": ("--use-compress-program=zstd", "TarZstdArchive"),
    b"plain tar": ("", "TarArchive"),
}


def untar(dest: Path, diff: str, magic: bytes = b"\x1f\x8b", **args: Any) -> tuple[dict[str, Any], list[str]]:
    source = dest.with_name("x.tar")
    source.write_bytes(magic)
    processes = FakeProcesses(
        ("--list", printed("top/\ntop/a\n")),
        ("--diff", printed(diff, 1 if diff else 0)),
        ("--extract", printed(rc=2 if args.pop("broken", False) else 0, stderr="tar: Error")),
        missing=("gtar",),
    )
    target = a_target(processes, check=args.pop("check", False))
    return run(
        "unarchive", {"src": str(source), "dest": str(dest), "remote_src": True, **args}, target
    ), processes.lines


@pytest.mark.parametrize("magic", MAGIC)
def test_tar_is_told_how_it_is_packed_whatever_the_name_says(dest: Path, magic: bytes) -> None:
    result, lines = untar(dest, "top/a: Contents differ\n", magic)
    option, handler = MAGIC[magic]
    words = [
        "/bin/tar",
        "--extract",
        "-C",
        str(dest),
        *([option] if option else []),
        "-f",
        str(dest.with_name("x.tar")),
    ]
    assert lines[-1] == " ".join(words) and (result["handler"], result["changed"]) == (handler, True)


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("", False),
        ("top/a: Mod time differs", True),
        ("top/a: Size differs", True),
        ("top/a: Contents differ", True),
        ("top/a: Symlink differs", True),
        ("tar: top/a: Warning: Cannot stat: No such file or directory", True),
        ("tar: top/a: Cannot stat: No such file or directory", True),
        ("top/a: File type differs", True),
        ("top/a: Mode differs", True),
    ],
)
def test_what_counts_as_different(dest: Path, line: str, counts: bool) -> None:
    assert untar(dest, line + "\n" if line else "")[0]["changed"] is counts


def test_what_the_task_sets_itself_does_not_count(dest: Path) -> None:
    assert untar(dest, "top/a: Mode differs\n", mode="0700")[0]["changed"] is False
    both = {"owner": str(os.getuid()), "group": str(os.getgid())}
    assert untar(dest, "top/a: Uid differs\ntop/a: Gid differs\n", **both)[0]["changed"] is False


@pytest.mark.skipif(os.getuid() != 0, reason="only root restores owners")
def test_root_restores_owners(dest: Path) -> None:
    assert untar(dest, "top/a: Uid differs\n")[0]["changed"] is True


def test_options_of_tar(dest: Path) -> None:
    args = {"extra_opts": ["--strip-components=1"], "exclude": ["b/"], "keep_newer": True, "owner": str(os.getuid())}
    _, lines = untar(dest, "x: Size differs\n", **args)
    common = "--show-transformed-names --strip-components=1"
    assert f"{common} --owner={os.getuid()} --keep-newer-files --exclude=b -f" in lines[-1]
    assert f"{common} --exclude=b -f" in lines[0]


def test_a_tar_that_fails_is_told(dest: Path) -> None:
    result, _ = untar(dest, "x: Size differs\n", broken=True)
    assert result["failed"] and "tar: Error" in result["msg"] and result["extract_results"]["rc"] == 2


def test_check_mode_skips_a_tar_as_ansible_does(dest: Path) -> None:
    result, lines = untar(dest, "", check=True)
    assert result["skipped"] is True and lines == []
