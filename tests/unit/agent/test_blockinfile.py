"""blockinfile: given this text and this block, where it comes to stand, and that it is replaced, not repeated."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.agent.fakes import FakeProcesses, a_target, printed, run, tree
from tests.unit.agent.given import fill, refused, settled, texts

BEGIN, END = "# BEGIN ANSIBLE MANAGED BLOCK\n", "# END ANSIBLE MANAGED BLOCK\n"
TEXT = "[a]\nx = 1\n[b]\nx = 2\n"


def marked(*lines: str) -> str:
    return BEGIN + "".join(line + "\n" for line in lines) + END


@pytest.fixture(autouse=True)
def plain_umask() -> Any:
    before = os.umask(0o022)
    yield
    os.umask(before)


INSERTED: list[tuple[str, str, dict[str, Any], str]] = [
    ("into an empty file", "", {"block": "x"}, marked("x")),
    ("at the end", "a\n", {"block": "x"}, "a\n" + marked("x")),
    ("at the end when so asked", "a\n", {"block": "x", "insertafter": "EOF"}, "a\n" + marked("x")),
    ("behind a last line without its newline", "a", {"block": "x"}, "a\n" + marked("x")),
    ("a block of many lines", "a\n", {"block": "x\n  y\n\nz"}, "a\n" + marked("x", "  y", "", "z")),
    ("a block that ends with its newline", "a\n", {"block": "x\n"}, "a\n" + marked("x")),
    ("a block that ends with an empty line", "a\n", {"block": "x\n\n"}, "a\n" + marked("x", "")),
    ("a block with umlauts", "ä\n", {"block": "größe"}, "ä\n" + marked("größe")),
    ("at the beginning", "a\n", {"block": "x", "insertbefore": "BOF"}, marked("x") + "a\n"),
    ("after the last that matches", TEXT, {"block": "y", "insertafter": "^x"}, TEXT + marked("y")),
    (
        "after a line in the middle",
        TEXT,
        {"block": "y", "insertafter": "^x = 1"},
        TEXT.replace("[b]", marked("y") + "[b]"),
    ),
    (
        "before the last that matches",
        TEXT,
        {"block": "y", "insertbefore": "^x"},
        TEXT.replace("x = 2", marked("y") + "x = 2"),
    ),
    ("before the first line", TEXT, {"block": "y", "insertbefore": "a"}, marked("y") + TEXT),
    ("at the end when nothing matches to stand after", "a\n", {"block": "x", "insertafter": "z"}, "a\n" + marked("x")),
    (
        "at the end when nothing matches to stand before",
        "a\n",
        {"block": "x", "insertbefore": "z"},
        "a\n" + marked("x"),
    ),
    ("after a last line without its newline", "a\nz", {"block": "x", "insertafter": "^z"}, "a\nz\n" + marked("x")),
    (
        "after lines that match together",
        TEXT,
        {"block": "y", "insertafter": "(?m)^\\[a\\]\nx = 1"},
        TEXT.replace("[b]", marked("y") + "[b]"),
    ),
    (
        "before lines that match together",
        TEXT,
        {"block": "y", "insertbefore": "(?m)1\n\\[b\\]"},
        TEXT.replace("x = 1", marked("y") + "x = 1"),
    ),
    (
        "after lines that match to the very end of the file",
        TEXT,
        {"block": "y", "insertafter": "(?m)2\n"},
        TEXT + marked("y"),
    ),
    ("at the end when no lines match together", TEXT, {"block": "y", "insertafter": "(?m)zz"}, TEXT + marked("y")),
    (
        "with markers of its own",
        "a\n",
        {"block": "x", "marker": "<!-- {mark} -->"},
        "a\n<!-- BEGIN -->\nx\n<!-- END -->\n",
    ),
    (
        "with words of its own in the markers",
        "a\n",
        {"block": "x", "marker": "; {mark} m", "marker_begin": "from", "marker_end": "to"},
        "a\n; from m\nx\n; to m\n",
    ),
    (
        "an empty line before it",
        "a\nb\n",
        {"block": "x", "insertafter": "a", "prepend_newline": True},
        "a\n\n" + marked("x") + "b\n",
    ),
    (
        "an empty line behind it",
        "a\nb\n",
        {"block": "x", "insertafter": "a", "append_newline": True},
        "a\n" + marked("x") + "\nb\n",
    ),
    (
        "no empty line before the first line",
        "a\n",
        {"block": "x", "insertbefore": "BOF", "prepend_newline": True},
        marked("x") + "a\n",
    ),
    ("no empty line behind the last line", "a\n", {"block": "x", "append_newline": True}, "a\n" + marked("x")),
    ("no second empty line before it", "a\n\n", {"block": "x", "prepend_newline": True}, "a\n\n" + marked("x")),
    (
        "no second empty line behind it",
        "\na\n",
        {"block": "x", "insertbefore": "BOF", "append_newline": True},
        marked("x") + "\na\n",
    ),
]


@pytest.mark.parametrize(
    ("before", "args", "after"), [case[1:] for case in INSERTED], ids=[case[0] for case in INSERTED]
)
def test_a_block_comes_to_its_place_once(tmp_path: Path, before: str, args: dict[str, Any], after: str) -> None:
    path = fill(tmp_path, {"f": before}) / "f"
    result = settled(tmp_path, "blockinfile", {"path": str(path), **args})
    assert (result["changed"], result["msg"], texts(tmp_path)) == (True, "Block inserted", {"f": after})
    header = f"{path} (content)"
    assert result["diff"] == [{"before": before, "after": after, "before_header": header, "after_header": header}]


REPLACED: list[tuple[str, str, dict[str, Any], str]] = [
    ("where it was", "a\n" + marked("old") + "b\n", {"block": "new"}, "a\n" + marked("new") + "b\n"),
    (
        "whatever place is asked",
        "a\n" + marked("old") + "b\n",
        {"block": "new", "insertbefore": "BOF"},
        "a\n" + marked("new") + "b\n",
    ),
    ("by a shorter one", marked("1", "2", "3") + "b\n", {"block": "1"}, marked("1") + "b\n"),
    ("the last of two, as Ansible does", marked("1") + marked("2"), {"block": "3"}, marked("1") + marked("3")),
    ("markers the wrong way round enclose it as well", END + "old\n" + BEGIN, {"block": "new"}, marked("new")),
    ("a begin without an end is an ordinary line", BEGIN + "a\n", {"block": "x"}, BEGIN + "a\n" + marked("x")),
    ("an end without a begin is an ordinary line", "a\n" + END, {"block": "x"}, "a\n" + END + marked("x")),
    (
        "a marker with more in its line is none",
        "a\n" + BEGIN.strip() + "!\n" + END,
        {"block": "x"},
        "a\n" + BEGIN.strip() + "!\n" + END + marked("x"),
    ),
    (
        "the blocks of others stay",
        "# BEGIN b\nb\n# END b\n# BEGIN a\na\n# END a\n",
        {"block": "A", "marker": "# {mark} a"},
        "# BEGIN b\nb\n# END b\n# BEGIN a\nA\n# END a\n",
    ),
]


@pytest.mark.parametrize(
    ("before", "args", "after"), [case[1:] for case in REPLACED], ids=[case[0] for case in REPLACED]
)
def test_a_block_is_replaced(tmp_path: Path, before: str, args: dict[str, Any], after: str) -> None:
    path = fill(tmp_path, {"f": before}) / "f"
    result = settled(tmp_path, "blockinfile", {"path": str(path), **args})
    assert (result["changed"], result["msg"], texts(tmp_path)) == (True, "Block inserted", {"f": after})


@pytest.mark.parametrize(
    "args", [{"state": "absent"}, {"block": ""}, {"state": "absent", "block": "anything"}], ids=str
)
@pytest.mark.parametrize("newlines", [False, True])
def test_a_block_is_removed_with_its_markers(tmp_path: Path, args: dict[str, Any], newlines: bool) -> None:
    path = fill(tmp_path, {"f": "a\n" + marked("old", "er") + "b\n"}) / "f"
    newlines = newlines and "state" in args
    given = {"path": str(path), "append_newline": newlines, "prepend_newline": newlines, **args}
    result = settled(tmp_path, "blockinfile", given)
    assert (result["msg"], texts(tmp_path)) == ("Block removed", {"f": "a\nb\n"})


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("a\n" + marked("x"), {"block": "x"}),
        ("a\n" + marked("x") + "b\n", {"block": "x\n", "insertbefore": "BOF"}),
        ("a\n", {"state": "absent"}),
        ("a\n", {"block": ""}),
        ("a\n\n" + marked("x") + "\nb\n", {"block": "x", "append_newline": True, "prepend_newline": True}),
    ],
    ids=str,
)
def test_a_text_that_is_as_wanted_is_not_written(tmp_path: Path, text: str, args: dict[str, Any]) -> None:
    path = fill(tmp_path, {"f": text}) / "f"
    inode = path.stat().st_ino
    result = settled(tmp_path, "blockinfile", {"path": str(path), **args})
    assert (result["changed"], result["msg"], texts(tmp_path)) == (False, "", {"f": text})
    assert path.stat().st_ino == inode


def test_a_last_line_without_its_newline_keeps_it_so_when_there_is_no_block(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": "a\nb"}) / "f"
    run("blockinfile", {"path": str(path), "state": "absent", "insertbefore": "BOF"})
    assert texts(tmp_path) == {"f": "a\nb"}


@pytest.mark.parametrize(
    ("path", "args", "msg", "rc"),
    [
        ("none", {"block": "x"}, "Path ROOT/none does not exist !", 257),
        ("none", {"state": "absent"}, "Path ROOT/none does not exist !", 257),
        ("folder", {"block": "x"}, "Path ROOT/folder is a directory !", 256),
        ("f", {"block": "x", "insertafter": "("}, "not a regular expression: (", None),
        ("f", {"block": "x", "insertafter": "a", "insertbefore": "b"}, "parameters are mutually exclusive", None),
        ("no/such/f", {"block": "x"}, "Path ROOT/no/such/f does not exist !", 257),
    ],
)
def test_what_cannot_be_done_is_told_and_writes_nothing(
    tmp_path: Path, path: str, args: dict[str, Any], msg: str, rc: int | None
) -> None:
    fill(tmp_path, {"f": "a\n", "folder": None})
    given = {"path": f"{tmp_path}/{path}", **args}
    assert refused(tmp_path, "blockinfile", given).startswith(msg.replace("ROOT", str(tmp_path)))
    assert run("blockinfile", given).get("rc") == rc


def test_a_new_file_and_its_folder_are_made(tmp_path: Path) -> None:
    args = {"path": str(tmp_path / "etc" / "f"), "block": "x", "create": True, "mode": "0600"}
    assert settled(tmp_path, "blockinfile", args)["changed"] is True
    assert tree(tmp_path) == {"etc": ("directory", "0755", ""), "etc/f": ("file", "0600", marked("x"))}


def test_a_new_file_says_that_it_is_new(tmp_path: Path) -> None:
    args = {"path": str(tmp_path / "f"), "block": "x", "create": True}
    for check in (True, False):
        assert run("blockinfile", args, a_target(check=check))["msg"] == "File created"


def test_a_file_that_is_not_there_has_no_block_to_remove_and_is_not_made_for_it(tmp_path: Path) -> None:
    args = {"path": str(tmp_path / "f"), "state": "absent", "create": True}
    result = settled(tmp_path, "blockinfile", args)
    assert result == {"changed": False, "msg": f"File {tmp_path}/f not present"} and texts(tmp_path) == {}


def test_block_and_mode_together_are_told_together(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": "a\n"}) / "f"
    args = {"path": str(path), "block": "x", "mode": "0600"}
    result = settled(tmp_path, "blockinfile", args)
    assert result["msg"] == "Block inserted and ownership, perms or SE linux context changed"
    path.chmod(0o644)
    assert settled(tmp_path, "blockinfile", args)["msg"] == "ownership, perms or SE linux context changed"
    assert tree(tmp_path)["f"][1] == "0600"


def test_a_backup_has_what_was_there(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": (0o640, "a\n")}) / "f"
    args = {"path": str(path), "block": "x", "backup": True}
    result = run("blockinfile", args)
    assert Path(result["backup_file"]).read_text() == "a\n"
    assert Path(result["backup_file"]).stat().st_mode & 0o777 == 0o640
    assert "backup_file" not in run("blockinfile", args) and len(texts(tmp_path)) == 2


def test_a_text_that_its_validator_refuses_is_not_put_in_place(tmp_path: Path) -> None:
    path = fill(tmp_path, {"sudoers": "a\n"}) / "sudoers"
    processes = FakeProcesses(("visudo -cf ", printed("", 1, "syntax error")))
    args = {"path": str(path), "block": "x", "validate": "visudo -cf %s", "backup": True}
    assert refused(tmp_path, "blockinfile", args, processes=processes) == "failed to validate"
    assert run("blockinfile", args, a_target(processes, check=True))["changed"] is True
    assert len(processes.lines) == 1, "check mode has nothing to validate"


def test_the_file_behind_a_link_is_edited_and_the_link_stays(tmp_path: Path) -> None:
    fill(tmp_path, {"real/f": "a\n", "link -> real/f": None})
    settled(tmp_path, "blockinfile", {"path": str(tmp_path / "link"), "block": "x"})
    assert texts(tmp_path) == {"link": "real/f", "real/f": "a\n" + marked("x")}
