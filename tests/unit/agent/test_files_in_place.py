"""Files put in place in one step: attributes, validation, backups, and that no temporary file stays behind."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from provision.agent import attributes, files, flags, folders
from provision.agent.attributes import Wanted
from provision.agent.errors import Failed
from provision.agent.flags import Flags
from provision.agent.temporary import Temporary
from tests.unit.agent.fakes import FakeProcesses, a_target, printed, tree
from tests.unit.agent.given import fill, texts


@pytest.fixture(autouse=True)
def plain_umask() -> Any:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize(
    ("before", "want", "after"),
    [
        ({}, Wanted(), "0644"),
        ({}, Wanted(mode="0600"), "0600"),
        ({}, Wanted(mode="u+x"), "0744"),
        ({"f": (0o751, "old")}, Wanted(), "0751"),
        ({"f": (0o751, "old")}, Wanted(mode="o="), "0750"),
        ({"f -> other": None, "other": (0o600, "mine")}, Wanted(), "0644"),
    ],
    ids=str,
)
def test_a_written_file_has_the_mode_of_the_one_before_or_of_a_new_one(
    tmp_path: Path, before: Any, want: Wanted, after: str
) -> None:
    target = a_target()
    assert files.write(target, f"{fill(tmp_path, before)}/f", b"new", want) == {}
    assert tree(tmp_path)["f"] == ("file", after, "new")
    assert tree(tmp_path).get("other", ("file", "0600", "mine"))[2] == "mine"
    assert target.temporary._paths == set()


def test_the_file_is_old_or_new_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fill(tmp_path, {"f": "old"}) / "f"
    seen: list[tuple[str, str, str]] = []
    rename = os.rename

    def watching(old: str, new: str) -> None:
        seen.append((path.read_text(), Path(old).read_text(), f"{Path(old).stat().st_mode & 0o777:04o}"))
        rename(old, new)

    monkeypatch.setattr(os, "rename", watching)
    files.write(a_target(), str(path), b"new", Wanted(mode="0600"))
    assert seen == [("old", "new", "0600")], "complete, and with its mode, before it is there"


@pytest.mark.parametrize(("number", "overwritten"), [(errno.EBUSY, True), (errno.EXDEV, False)])
def test_a_file_that_cannot_be_renamed_over_is_overwritten_only_on_the_users_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, overwritten: bool
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    path = fill(tmp_path, {"f": "old"}) / "f"
    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(Failed, match="Could not replace file"):
        files.write(a_target(), str(path), b"new")
    assert texts(tmp_path) == {"f": "old"}
    if overwritten:
        inode = path.stat().st_ino
        files.write(a_target(), str(path), b"new", unsafe=True)
        assert texts(tmp_path) == {"f": "new"} and path.stat().st_ino == inode
    else:
        with pytest.raises(Failed, match="Could not replace file"):
            files.write(a_target(), str(path), b"new", unsafe=True)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=rf"The destination directory \({tmp_path}/no\) is not writable"):
        files.write(a_target(), f"{tmp_path}/no/f", b"new")


def test_a_backup_has_content_mode_and_time_of_the_file(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": (0o640, "old")}) / "f"
    os.utime(path, (1_000_000, 2_000_000))
    backup = Path(files.make_backup(a_target(), str(path)))
    status = backup.stat()
    assert (backup.parent, backup.name.startswith(f"f.{os.getpid()}."), backup.name[-1]) == (tmp_path, True, "~")
    assert (f"{status.st_mode & 0o777:04o}", status.st_mtime, backup.read_text()) == ("0640", 2_000_000, "old")
    assert path.read_text() == "old" and len(texts(tmp_path)) == 2


def test_a_path_with_blanks_reaches_the_validator_as_one_word() -> None:
    processes = FakeProcesses(("check", printed()))
    files.run_validation(a_target(processes), "check -f %s --also %s", "/a b/it's")
    assert processes.started[0].argv == ["check", "-f", "/a b/it's", "--also", "/a b/it's"]


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"text\n", "text\n"),
        (b"", ""),
        (b"caf\xe9", "caf\ufffd"),
        (b"a\0b", "(3 bytes that are no text)\n"),
        (b"x" * (files.SHOWN + 1), f"({files.SHOWN + 1} bytes: larger than the {files.SHOWN} that are shown)\n"),
    ],
    ids=["text", "empty", "latin", "binary", "long"],
)
def test_what_a_diff_shows_of_bytes(data: bytes, shown: str) -> None:
    assert files.shown(data) == shown


def test_digests_of_a_file_are_those_of_its_bytes(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "f").write_bytes(data)
    found = files.hashes(str(tmp_path / "f"), "sha1", "sha256")
    assert found == (hashlib.sha1(data).hexdigest(), hashlib.sha256(data).hexdigest())
    assert files.hashes_of(data, "sha1", "sha256") == found


def test_a_temporary_file_is_hidden_ours_alone_and_ends_as_its_file_does(tmp_path: Path) -> None:
    path = Path(Temporary().make(str(tmp_path), suffix=files.suffix_of("/etc/x.service")))
    assert path.name.startswith(".provision.") and path.suffix == ".service"
    assert tree(tmp_path) == {path.name: ("file", "0600", "")}


def test_a_name_that_is_taken_is_not_used_again(tmp_path: Path) -> None:
    temporary = Temporary()
    numbers = iter([1, 1, 2])
    temporary._random.getrandbits = lambda bits: next(numbers)  # type: ignore[method-assign]
    first, second = temporary.make(str(tmp_path)), temporary.make(str(tmp_path))
    temporary.clean()
    assert first != second and texts(tmp_path) == {}


def test_what_is_removed_or_moved_is_forgotten_and_the_rest_cleaned(tmp_path: Path) -> None:
    temporary = Temporary()
    kept, removed, left, gone = (temporary.make(str(tmp_path)) for _ in range(4))
    temporary.moved(kept)
    temporary.remove(removed)
    temporary.remove(removed)
    temporary.remove("")
    Path(gone).unlink()
    temporary.clean()
    assert list(texts(tmp_path)) == [Path(kept).name] and not Path(left).exists()


def test_a_copy_has_the_bytes_of_its_source(tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    (tmp_path / "f").write_bytes(data)
    assert Path(Temporary().copy(str(tmp_path / "f"), str(tmp_path))).read_bytes() == data


def test_folders_that_lack_are_listed_outermost_first(tmp_path: Path) -> None:
    fill(tmp_path, {"a": None, "file": "", "dead -> nowhere": None})
    assert folders.missing(f"{tmp_path}/a/b/c") == [f"{tmp_path}/a/b", f"{tmp_path}/a/b/c"]
    assert folders.missing(f"{tmp_path}/a") == [] and folders.create(f"{tmp_path}/a/", Wanted(mode="0700")) is None
    for path in ("file/x", "dead/x"):
        with pytest.raises(Failed, match="File exists"):
            folders.missing(f"{tmp_path}/{path}")


def test_flags_are_written_by_what_the_file_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = {"bits": 0x80000}

    def ioctl(fd: int, request: int, buffer: Any, mutate: bool = True) -> int:
        if request == flags._SET_FLAGS:
            state["bits"] = buffer[0]
        else:
            buffer[0] = state["bits"] if request == flags._GET_FLAGS else 7
        return 0

    path = str(fill(tmp_path, {"f": ""}) / "f")
    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    assert flags.read(path) == Flags(0x80000, 7)
    change = attributes.look(path, Wanted(flags="+i"))
    assert change is not None and change.perform is not None
    assert (change.before, change.after) == ({"path": path, "attributes": "e"}, {"path": path, "attributes": "+i"})
    change.perform()
    assert state["bits"] == 0x80010 and attributes.look(path, Wanted(flags="+i")) is None
    flags.write(path, "=a")
    assert state["bits"] == 0x80020, "what the file system alone decides stays"


def test_flags_of_a_file_system_without_them_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ioctl(*_: Any) -> int:
        raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    path = str(fill(tmp_path, {"f": "", "l -> f": None}) / "f")
    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    assert flags.read(path) is None and flags.read(f"{tmp_path}/l") is None and flags.read("/no/such") is None
    for act in (lambda: attributes.look(path, Wanted(flags="+i")), lambda: flags.write(path, "+i")):
        with pytest.raises(Failed, match="chattr failed: the file system has no flags"):
            act()
