"""lineinfile: given this text and these arguments, the text after, the message, the diff, and no second change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.agent.fakes import FakeProcesses, a_target, look, printed, run, tree
from tests.unit.agent.given import fill, refused, settled, texts

ADDED, REPLACED = "line added", "line replaced"
CONFIG = "# port = 22\nuser root\nuser www\nend\n"


@pytest.fixture(autouse=True)
def plain_umask() -> Any:
    before = os.umask(0o022)
    yield
    os.umask(before)


EDITS: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("at the end", "a\n", {"line": "b"}, "a\nb\n", ADDED),
    ("into an empty file", "", {"line": "b"}, "b\n", ADDED),
    ("behind a last line without its newline", "a", {"line": "b"}, "a\nb\n", ADDED),
    ("in place of itself with another newline", "a\r\nb\n", {"line": "a"}, "a\nb\n", REPLACED),
    ("an indented line is another line", "  b\n", {"line": "b"}, "  b\nb\n", ADDED),
    ("at the beginning", "a\n", {"line": "b", "insertbefore": "BOF"}, "b\na\n", ADDED),
    ("at the beginning, said the other way", "a\n", {"line": "b", "insertafter": "BOF"}, "b\na\n", ADDED),
    ("at the end when so asked", "a\n", {"line": "b", "insertafter": "EOF"}, "a\nb\n", ADDED),
    (
        "after the last that matches",
        CONFIG,
        {"line": "x", "insertafter": "^user"},
        CONFIG.replace("end", "x\nend"),
        ADDED,
    ),
    (
        "after the first that matches",
        CONFIG,
        {"line": "x", "insertafter": "^user", "firstmatch": True},
        CONFIG.replace("root\n", "root\nx\n"),
        ADDED,
    ),
    (
        "before the last that matches",
        CONFIG,
        {"line": "x", "insertbefore": "^user"},
        CONFIG.replace("user w", "x\nuser w"),
        ADDED,
    ),
    (
        "before the first that matches",
        CONFIG,
        {"line": "x", "insertbefore": "^user", "firstmatch": True},
        CONFIG.replace("user r", "x\nuser r"),
        ADDED,
    ),
    ("at the end when nothing matches to stand after", "a\n", {"line": "b", "insertafter": "^z"}, "a\nb\n", ADDED),
    ("at the end when nothing matches to stand before", "a\n", {"line": "b", "insertbefore": "^z"}, "a\nb\n", ADDED),
    ("EOF is a mere pattern to stand before", "a\nEOF\n", {"line": "b", "insertbefore": "EOF"}, "a\nb\nEOF\n", ADDED),
    ("after a last line without its newline", "a\nz", {"line": "b", "insertafter": "z"}, "a\nz\nb\n", ADDED),
    (
        "the pattern's line is replaced",
        CONFIG,
        {"regexp": "^#?\\s*port", "line": "port = 1"},
        CONFIG.replace("# port = 22", "port = 1"),
        REPLACED,
    ),
    (
        "the last of the pattern's lines",
        CONFIG,
        {"regexp": "^user", "line": "x"},
        CONFIG.replace("user www", "x"),
        REPLACED,
    ),
    (
        "the first of the pattern's lines",
        CONFIG,
        {"regexp": "^user", "line": "user x", "firstmatch": True},
        CONFIG.replace("user root", "user x"),
        REPLACED,
    ),
    (
        "a pattern that matches wins over the place",
        CONFIG,
        {"regexp": "^end", "line": "end.", "insertbefore": "BOF"},
        CONFIG.replace("end", "end."),
        REPLACED,
    ),
    (
        "a pattern without match leaves the place",
        "a\nb\n",
        {"regexp": "^x", "line": "x=1", "insertafter": "a"},
        "a\nx=1\nb\n",
        ADDED,
    ),
    ("a searched text is no pattern", "a.c\nabc\n", {"search_string": "a.c", "line": "a.c!"}, "a.c!\nabc\n", REPLACED),
    ("a searched text that is nowhere", "a\n", {"search_string": "zz", "line": "zz"}, "a\nzz\n", ADDED),
    (
        "groups of the match are put in",
        "user root\n",
        {"regexp": "^(user) (\\w+)", "line": "\\1 = \\2!", "backrefs": True},
        "user = root!\n",
        REPLACED,
    ),
    (
        "named groups as well",
        "k: v\n",
        {"regexp": "^(?P<k>\\w): v$", "line": "\\g<k>: w", "backrefs": True},
        "k: w\n",
        REPLACED,
    ),
    ("without backrefs a backslash is a backslash", "a\n", {"regexp": "^a", "line": "\\1"}, "\\1\n", REPLACED),
    ("a line with umlauts", "größe = 1\n", {"regexp": "^größe", "line": "größe = ∞"}, "größe = ∞\n", REPLACED),
    ("a replaced line gets a newline of ours", "a\r\nb\r\n", {"regexp": "^a", "line": "c"}, "c\nb\r\n", REPLACED),
    ("a replaced last line gets its newline", "a\nb", {"regexp": "^b", "line": "c"}, "a\nc\n", REPLACED),
]


NEVER_SETTLED = ("the last of the pattern's lines",)
"""Its line does not match its own pattern: as in Ansible, the next run replaces the line before."""


@pytest.mark.parametrize(("name", "before", "args", "after", "msg"), EDITS, ids=[case[0] for case in EDITS])
def test_a_line_comes_to_its_place_and_stays_there(
    tmp_path: Path, name: str, before: str, args: dict[str, Any], after: str, msg: str
) -> None:
    path = fill(tmp_path, {"f": before}) / "f"
    given = {"path": str(path), **args}
    result = (
        run("lineinfile", given, a_target(diff=True))
        if name in NEVER_SETTLED
        else settled(tmp_path, "lineinfile", given)
    )
    assert (result["changed"], result["msg"], texts(tmp_path)) == (True, msg, {"f": after})
    header = f"{path} (content)"
    assert result["diff"] == [{"before": before, "after": after, "before_header": header, "after_header": header}]


def test_a_pattern_that_does_not_match_its_own_line_goes_on_to_the_line_before(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": CONFIG}) / "f"
    args = {"path": str(path), "regexp": "^user", "line": "x"}
    changed = [run("lineinfile", args)["changed"] for _ in range(3)]
    assert (changed, texts(tmp_path)) == ([True, True, False], {"f": "# port = 22\nx\nx\nend\n"})


KEPT: list[tuple[str, str, dict[str, Any]]] = [
    ("there already", "a\nb\n", {"line": "a"}),
    ("there already, where it should not be", "a\nb\n", {"line": "b", "insertbefore": "BOF"}),
    ("there already, and its pattern matches nothing", "a\nb\n", {"regexp": "^z", "line": "a", "insertafter": "b"}),
    ("the last of the pattern's lines is as wanted", "x=0\nx=1\n", {"regexp": "^x", "line": "x=1"}),
    ("nothing to refer back to", "a\n", {"regexp": "^(z)", "line": "\\1", "backrefs": True}),
    ("the same with its groups", "a=1\n", {"regexp": "^(a)=(.)$", "line": "\\1=\\2", "backrefs": True}),
    ("no such line to remove", "a\n", {"line": "b", "state": "absent"}),
    ("only a part of a line to remove", "ab\n", {"line": "a", "state": "absent"}),
    ("no such pattern to remove", "a\n", {"regexp": "b", "state": "absent"}),
]


@pytest.mark.parametrize(("text", "args"), [case[1:] for case in KEPT], ids=[case[0] for case in KEPT])
def test_a_text_that_is_as_wanted_is_not_written(tmp_path: Path, text: str, args: dict[str, Any]) -> None:
    path = fill(tmp_path, {"f": text}) / "f"
    inode = path.stat().st_ino
    result = settled(tmp_path, "lineinfile", {"path": str(path), **args})
    assert (result["changed"], result["msg"], result["backup"]) == (False, "", "")
    assert path.stat().st_ino == inode and path.read_bytes() == text.encode()


@pytest.mark.parametrize(
    ("args", "after", "found"),
    [
        ({"line": "user root"}, CONFIG.replace("user root\n", ""), 1),
        ({"regexp": "^user"}, "# port = 22\nend\n", 2),
        ({"search_string": "o"}, "user www\nend\n", 2),
        ({"regexp": "^user", "line": "end"}, "# port = 22\nend\n", 2),
        ({"regexp": "."}, "", 4),
    ],
    ids=str,
)
def test_lines_that_shall_not_be_go_and_are_counted(
    tmp_path: Path, args: dict[str, Any], after: str, found: int
) -> None:
    path = fill(tmp_path, {"f": CONFIG}) / "f"
    result = settled(tmp_path, "lineinfile", {"path": str(path), "state": "absent", **args})
    assert (result["found"], result["msg"], texts(tmp_path)) == (found, f"{found} line(s) removed", {"f": after})
    assert run("lineinfile", {"path": str(path), "state": "absent", **args})["found"] == 0


@pytest.mark.parametrize(
    ("path", "args", "msg"),
    [
        ("none", {"line": "x"}, "Destination ROOT/none does not exist !"),
        ("folder", {"line": "x"}, "Path ROOT/folder is a directory !"),
        ("f", {}, "line is required with state=present"),
        ("f", {"line": "x", "backrefs": True}, "regexp is required with backrefs=true"),
        ("f", {"state": "absent"}, "one of line, search_string, or regexp is required with state=absent"),
        ("f", {"line": "x", "regexp": "("}, "regexp is no regular expression: ("),
        ("f", {"line": "x", "insertafter": "["}, "insertafter is no regular expression: ["),
        ("f", {"line": "x", "insertbefore": "*"}, "insertbefore is no regular expression: *"),
        (
            "f",
            {"line": "x", "insertbefore": "a", "insertafter": "b"},
            "parameters are mutually exclusive: insertbefore",
        ),
        ("f", {"line": "x", "regexp": "a", "search_string": "b"}, "parameters are mutually exclusive: regexp|search"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_told_and_writes_nothing(
    tmp_path: Path, path: str, args: dict[str, Any], msg: str
) -> None:
    fill(tmp_path, {"f": "a\n", "folder": None})
    said = refused(tmp_path, "lineinfile", {"path": f"{tmp_path}/{path}", **args})
    assert said.startswith(msg.replace("ROOT", str(tmp_path)))


def test_codes_of_a_file_that_is_not_there_and_of_a_folder(tmp_path: Path) -> None:
    assert run("lineinfile", {"path": str(tmp_path / "none"), "line": "x"})["rc"] == 257
    assert run("lineinfile", {"path": str(tmp_path), "line": "x"})["rc"] == 256


def test_a_new_file_and_its_folders_are_made_with_the_mode_of_the_task(tmp_path: Path) -> None:
    args = {"path": str(tmp_path / "a" / "b" / "f"), "line": "x", "create": True, "mode": "0600"}
    result = settled(tmp_path, "lineinfile", args)
    assert tree(tmp_path) == {
        "a": ("directory", "0755", ""),
        "a/b": ("directory", "0755", ""),
        "a/b/f": ("file", "0600", "x\n"),
    }
    assert result["diff"][-1]["before"] == "" and result["diff"][-1]["after"] == "x\n"


def test_a_file_that_is_not_there_has_no_line_to_remove(tmp_path: Path) -> None:
    result = settled(tmp_path, "lineinfile", {"path": str(tmp_path / "f"), "line": "x", "state": "absent"})
    assert result == {"changed": False, "msg": "file not present"}


def test_a_mode_alone_is_a_change_of_its_own_kind(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": "a\n"}) / "f"
    args = {"path": str(path), "line": "a", "mode": "0600"}
    result = settled(tmp_path, "lineinfile", args)
    assert result["msg"] == "ownership, perms or SE linux context changed"
    assert tree(tmp_path) == {"f": ("file", "0600", "a\n")}
    assert result["diff"][0]["before_header"] == f"{path} (file attributes)"


def test_line_and_mode_together_are_told_together(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": "a\n"}) / "f"
    result = settled(tmp_path, "lineinfile", {"path": str(path), "line": "b", "mode": "0600"})
    assert result["msg"] == "line added and ownership, perms or SE linux context changed"
    assert tree(tmp_path) == {"f": ("file", "0600", "a\nb\n")}


def test_a_mode_that_is_there_already_is_not_told(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": (0o600, "a\n")}) / "f"
    assert settled(tmp_path, "lineinfile", {"path": str(path), "line": "b", "mode": "0600"})["msg"] == "line added"


def test_the_mode_that_was_there_stays(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": (0o751, "a\n")}) / "f"
    settled(tmp_path, "lineinfile", {"path": str(path), "line": "b"})
    assert tree(tmp_path) == {"f": ("file", "0751", "a\nb\n")}


def test_the_file_behind_a_link_is_edited_and_the_link_stays(tmp_path: Path) -> None:
    fill(tmp_path, {"real/f": "a\n", "link -> real/f": None})
    settled(tmp_path, "lineinfile", {"path": str(tmp_path / "link"), "line": "b"})
    assert texts(tmp_path) == {"link": "real/f", "real/f": "a\nb\n"}


def test_a_backup_is_made_of_a_change_only_and_named(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": "a\n"}) / "f"
    args = {"path": str(path), "line": "b", "backup": True}
    assert run("lineinfile", args, a_target(check=True))["backup"] == ""
    result = run("lineinfile", args)
    assert Path(result["backup"]).read_text() == "a\n" and "backup_file" not in result
    assert run("lineinfile", args)["backup"] == ""
    assert len(texts(tmp_path)) == 2


def test_a_validator_judges_the_new_text_before_it_counts(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f.conf": "a\n"}) / "f.conf"
    seen: list[str] = []

    def check(command: Any) -> Any:
        seen.append(Path(command.argv[-1]).read_text())
        return printed(rc=len(seen) == 1, stderr="no such word")

    args = {"path": str(path), "line": "b", "validate": "checker --strict %s"}
    said = refused(tmp_path, "lineinfile", args, processes=FakeProcesses(("checker", check)))
    assert said == "failed to validate" and seen == ["a\nb\n"]
    processes = FakeProcesses(("checker", check))
    assert run("lineinfile", args, a_target(processes))["changed"] is True
    assert processes.lines[0].startswith("checker --strict ") and processes.lines[0].endswith(".conf")
    assert texts(tmp_path) == {"f.conf": "a\nb\n"}


def test_an_empty_pattern_matches_every_line_and_draws_a_warning(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": "a\nb\n"}) / "f"
    target = a_target()
    run("lineinfile", {"path": str(path), "line": "c", "regexp": ""}, target)
    assert texts(tmp_path) == {"f": "a\nc\n"}
    assert len(target.warnings) == 1 and "use '^' to match every line" in target.warnings[0]
    target = a_target()
    run("lineinfile", {"path": str(path), "line": "d", "search_string": ""}, target)
    assert texts(tmp_path) == {"f": "a\nd\n"} and target.warnings[0].startswith("The search string is an empty string")


def test_bytes_that_are_no_text_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"caf\xe9\nport 1\n")
    settled(tmp_path, "lineinfile", {"path": str(path), "regexp": "^port", "line": "port 2"})
    assert path.read_bytes() == b"caf\xe9\nport 2\n"


def test_looking_writes_nothing_and_says_what_it_would_write(tmp_path: Path) -> None:
    path = fill(tmp_path, {"f": "a\n"}) / "f"
    change = look("lineinfile", {"path": str(path), "line": "b"})
    assert [part.summary for part in change.parts] == [f"edit {path}"]
    assert (change.parts[0].before, change.parts[0].after) == ("a\n", "a\nb\n")
    assert texts(tmp_path) == {"f": "a\n"}
