"""copy and template with contents of the controller: given this folder, which Change, and the folder after."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from provision.agent.change import Change, Unchanged
from provision.agent.contents import Contents
from provision.agent.process import Command, Completed
from provision.agent.target import Target, Wire
from provision.agent.temporary import Temporary
from provision.agent.wire import Blob
from tests.unit.agent.fakes import FakeProcesses, look, offered, printed, run, tree


def copy(dest: Path | str, data: bytes, module: str = "copy", **args: Any) -> dict[str, Any]:
    reference, target = offered(data)
    target.check = args.pop("check", False)
    if module == "template":
        args.setdefault("src", "x.j2")
    return run(module, {"dest": str(dest), "_content": reference, **args}, target)


@pytest.fixture(autouse=True)
def plain_umask() -> Any:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_new_file_gets_content_and_mode_and_no_other_is_left(tmp_path: Path) -> None:
    result = copy(tmp_path / "x", b"new\n", mode="0640")
    assert tree(tmp_path) == {"x": ("file", "0640", "new\n")}
    assert result["changed"] is True
    assert result["checksum"] == hashlib.sha1(b"new\n").hexdigest()
    assert result["md5sum"] == hashlib.md5(b"new\n").hexdigest()
    assert result["diff"] == [
        {"before": "", "after": "new\n", "before_header": str(tmp_path / "x"), "after_header": str(tmp_path / "x")}
    ]


def test_a_new_file_without_mode_gets_what_the_umask_leaves(tmp_path: Path) -> None:
    copy(tmp_path / "x", b"new\n")
    assert tree(tmp_path) == {"x": ("file", "0644", "new\n")}


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old\n")
    (tmp_path / "x").chmod(0o751)
    result = copy(tmp_path / "x", b"new\n")
    assert tree(tmp_path) == {"x": ("file", "0751", "new\n")}
    assert (result["diff"][0]["before"], result["diff"][0]["after"]) == ("old\n", "new\n")


def test_the_same_content_changes_nothing_and_is_not_read_from_the_controller(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("same\n")
    reference = {"digest": hashlib.sha256(b"same\n").hexdigest(), "size": 5}
    answer = look("copy", {"dest": str(tmp_path / "x"), "_content": reference, "mode": "0644"})
    assert isinstance(answer, Unchanged)
    assert answer.values["checksum"] == hashlib.sha1(b"same\n").hexdigest()


def test_the_same_content_with_another_mode_changes_the_mode_alone(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("same\n")
    inode = (tmp_path / "x").stat().st_ino
    result = copy(tmp_path / "x", b"same\n", mode="0600")
    assert result["changed"] is True and (tmp_path / "x").stat().st_ino == inode
    assert result["diff"] == [
        {
            "before": {"path": str(tmp_path / "x"), "mode": "0644"},
            "after": {"path": str(tmp_path / "x"), "mode": "0600"},
        }
    ]


def test_check_mode_tells_and_touches_nothing(tmp_path: Path) -> None:
    result = copy(tmp_path / "x", b"new\n", check=True)
    assert result["changed"] is True and result["diff"][0]["after"] == "new\n"
    assert tree(tmp_path) == {}


def test_check_mode_forgives_a_folder_that_an_earlier_task_would_make(tmp_path: Path) -> None:
    assert copy(tmp_path / "later" / "x", b"new\n", check=True)["changed"] is True
    assert "does not exist" in copy(tmp_path / "later" / "x", b"new\n")["msg"]


def test_a_folder_as_destination_takes_the_name_of_the_source(tmp_path: Path) -> None:
    copy(tmp_path, b"new\n", _original_basename="name.conf")
    copy(f"{tmp_path}/made/", b"new\n", _original_basename="name.conf", directory_mode="0711", mode="0600")
    assert tree(tmp_path) == {
        "made": ("directory", "0711", ""),
        "made/name.conf": ("file", "0600", "new\n"),
        "name.conf": ("file", "0644", "new\n"),
    }


def test_content_has_no_name_for_a_folder(tmp_path: Path) -> None:
    assert copy(tmp_path, b"new\n")["msg"] == "can not use content with a dir as dest"


def test_force_off_leaves_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine\n")
    assert copy(tmp_path / "x", b"new\n", force=False)["changed"] is False
    assert (tmp_path / "x").read_text() == "mine\n"


def test_a_link_is_replaced_or_followed(tmp_path: Path) -> None:
    (tmp_path / "aim").write_text("old\n")
    for name in ("one", "two"):
        (tmp_path / name).symlink_to("aim")
    copy(tmp_path / "one", b"new\n")
    assert tree(tmp_path)["one"] == ("file", "0644", "new\n")
    assert tree(tmp_path)["aim"][2] == "old\n"
    copy(tmp_path / "two", b"newer\n", follow=True)
    assert tree(tmp_path)["two"] == ("link", "", "aim")
    assert tree(tmp_path)["aim"][2] == "newer\n"


def test_the_mode_of_the_original_is_kept_when_asked_to(tmp_path: Path) -> None:
    copy(tmp_path / "x", b"new\n", mode="preserve", _source_mode="0755")
    assert tree(tmp_path)["x"][1] == "0755"


def test_a_backup_holds_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old\n")
    result = copy(tmp_path / "x", b"new\n", backup=True)
    assert Path(result["backup_file"]).read_text() == "old\n"
    assert result["backup_file"].startswith(f"{tmp_path}/x.") and result["backup_file"].endswith("~")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_validator_sees_the_file_as_it_will_be_and_can_refuse_it(tmp_path: Path) -> None:
    seen: list[str] = []

    def check(command: Command) -> Completed:
        path = Path(command.argv[-1])
        seen.append(f"{path.suffix} {path.read_text()} {path.stat().st_mode & 0o777:o} {path.parent == tmp_path}")
        return printed("", 1, "line 1: syntax error\n")

    reference, target = offered(b"rubbish")
    target._processes = FakeProcesses(("visudo -cf", check))
    (tmp_path / "x.conf").write_text("good\n")
    args = {"dest": str(tmp_path / "x.conf"), "_content": reference, "mode": "0440", "validate": "visudo -cf %s"}
    result = run("copy", args, target)
    assert seen == [".conf rubbish 440 True"]
    assert (result["msg"], result["exit_status"], result["stderr"]) == (
        "failed to validate",
        1,
        "line 1: syntax error\n",
    )
    assert tree(tmp_path) == {"x.conf": ("file", "0644", "good\n")}


def test_a_validator_without_a_place_for_the_file_is_refused(tmp_path: Path) -> None:
    assert "validate must contain %s" in copy(tmp_path / "x", b"new", validate="true")["msg"]
    assert tree(tmp_path) == {}


def test_an_owner_that_does_not_exist_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    result = copy(tmp_path / "x", b"new", owner="nobody-of-that-name")
    assert result["msg"] == "chown failed: failed to look up user nobody-of-that-name"
    assert tree(tmp_path) == {}


def test_a_checksum_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    result = copy(tmp_path / "x", b"new", checksum="0" * 40)
    assert result["failed"] and result["expected_checksum"] == "0" * 40
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("data", "shown"), [(b"\0\1", "(2 bytes that are no text)\n"), (b"x" * 200_000, "(200000 bytes")]
)
def test_a_diff_shows_no_binaries_and_nothing_endless(tmp_path: Path, data: bytes, shown: str) -> None:
    assert copy(tmp_path / "x", data)["diff"][0]["after"].startswith(shown)


def test_a_template_is_a_copy_that_arrives_rendered(tmp_path: Path) -> None:
    result = copy(tmp_path / "x", b"rendered\n", module="template", mode="0600")
    assert result["changed"] is True and tree(tmp_path) == {"x": ("file", "0600", "rendered\n")}
    assert copy(tmp_path / "x", b"rendered\n", module="template", mode="0600")["changed"] is False


def test_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "x" / "name").mkdir(parents=True)
    assert "is a folder" in copy(tmp_path / "x", b"new", _original_basename="name")["msg"]


FILES = {"a.txt": b"aaa\n", "d/b.txt": b"bbb\n", "d/e/c.txt": b"ccc\n"}


def whole_tree(tmp_path: Path, **args: Any) -> tuple[dict[str, Any], list[str]]:
    """A tree of three files, an empty folder and a link, sent by a controller that notes what it is asked for."""
    temporary = Temporary()
    contents = Contents(temporary)
    asked: list[str] = []
    by_digest = {hashlib.sha256(data).hexdigest(): (name, data) for name, data in FILES.items()}

    def emit(message: Any) -> None:
        if message["event"] == "need":
            name, data = by_digest[message["digest"]]
            asked.append(name)
            contents.receive(Blob(message["digest"], 0, data))
            contents.finish(message["digest"])

    target = Target(
        contents=contents,
        temporary=temporary,
        processes=FakeProcesses(),
        wire=Wire(emit, lambda blob: None),
        diff=args.pop("diff", False),
        check=args.pop("check", False),
    )
    entries: list[dict[str, Any]] = [
        {"path": name, "digest": digest, "size": len(data), "mode": 0o755} for digest, (name, data) in by_digest.items()
    ]
    entries += [{"path": "empty", "kind": "directory"}, {"path": "link", "kind": "link", "target": "a.txt"}]
    return run("copy", {"dest": str(tmp_path / "to"), "src": "files/", "_tree": entries, **args}, target), asked


def test_a_tree_arrives_whole(tmp_path: Path) -> None:
    result, asked = whole_tree(tmp_path, mode="0640", directory_mode="0750")
    assert result["changed"] is True and sorted(asked) == sorted(FILES)
    assert tree(tmp_path / "to") == {
        "a.txt": ("file", "0640", "aaa\n"),
        "d": ("directory", "0750", ""),
        "d/b.txt": ("file", "0640", "bbb\n"),
        "d/e": ("directory", "0750", ""),
        "d/e/c.txt": ("file", "0640", "ccc\n"),
        "empty": ("directory", "0750", ""),
        "link": ("link", "", "a.txt"),
    }


def test_of_a_tree_only_what_lacks_is_asked_for(tmp_path: Path) -> None:
    whole_tree(tmp_path)
    (tmp_path / "to" / "d" / "b.txt").write_text("bad\n")
    (tmp_path / "to" / "besides").write_text("stays\n")
    result, asked = whole_tree(tmp_path)
    assert result["changed"] is True and asked == ["d/b.txt"]
    assert (tmp_path / "to" / "besides").exists()
    result, asked = whole_tree(tmp_path)
    assert result["changed"] is False and asked == []


def test_a_tree_in_check_mode_touches_nothing(tmp_path: Path) -> None:
    result, _ = whole_tree(tmp_path, check=True, diff=True)
    assert result["changed"] is True and tree(tmp_path) == {}
    assert {diff["after"] for diff in result["diff"] if isinstance(diff["after"], str)} == {"aaa\n", "bbb\n", "ccc\n"}


def test_a_tree_keeps_the_modes_of_its_files_when_asked_to(tmp_path: Path) -> None:
    whole_tree(tmp_path, mode="preserve")
    assert tree(tmp_path / "to")["a.txt"][1] == "0755"


def test_a_tree_stays_below_its_destination(tmp_path: Path) -> None:
    for path in ("../x", "/etc/x", "d/../../x"):
        entry = {"path": path, "digest": "0" * 64, "size": 1}
        result = run("copy", {"dest": str(tmp_path), "src": "f/", "_tree": [entry]})
        assert "lie under dest" in result["msg"]


def test_the_change_of_a_file_says_what_it_will_do(tmp_path: Path) -> None:
    reference = {"digest": "0" * 64, "size": 3}
    target = Target(processes=FakeProcesses())
    answer = look("copy", {"dest": str(tmp_path / "x"), "_content": reference}, target)
    assert isinstance(answer, Change)
    assert [part.summary for part in answer.parts] == [f"write {tmp_path}/x"]
