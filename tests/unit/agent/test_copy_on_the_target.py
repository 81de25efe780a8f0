"""copy with remote_src: files and folders that are on the target already, and what a tree meets on its way."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.agent.fakes import FakeProcesses, a_target, look, printed, run, tree
from tests.unit.agent.given import fill, refused, settled, texts


@pytest.fixture(autouse=True)
def plain_umask() -> Any:
    before = os.umask(0o022)
    yield
    os.umask(before)


def here(root: Path, src: str, dest: str, **args: Any) -> dict[str, Any]:
    return {"src": f"{root}/{src}", "dest": f"{root}/{dest}", "remote_src": True, **args}


HOUSE: dict[str, Any] = {
    "src": "text\n",
    "run": (0o755, "#!\n"),
    "old": (0o640, "old\n"),
    "folder": None,
    "link -> old": None,
}

COPIED = [
    (
        "a new file has what the umask leaves, as in Ansible",
        {"src": "run", "dest": "new"},
        {"new": ("file", "0644", "#!\n")},
    ),
    ("a mode is given", {"src": "run", "dest": "new", "mode": "0600"}, {"new": ("file", "0600", "#!\n")}),
    (
        "a mode in symbols starts from what is there",
        {"src": "src", "dest": "old", "mode": "o+r"},
        {"old": ("file", "0644", "text\n")},
    ),
    (
        "a file that is replaced takes the mode of the new one",
        {"src": "src", "dest": "old"},
        {"old": ("file", "0644", "text\n")},
    ),
    (
        "the mode is kept when so asked",
        {"src": "run", "dest": "old", "mode": "preserve"},
        {"old": ("file", "0755", "#!\n")},
    ),
    ("a folder as destination", {"src": "src", "dest": "folder"}, {"folder/src": ("file", "0644", "text\n")}),
    ("a folder with a final slash", {"src": "src", "dest": "folder/"}, {"folder/src": ("file", "0644", "text\n")}),
    ("a link is replaced", {"src": "src", "dest": "link"}, {"link": ("file", "0644", "text\n")}),
    (
        "a link is followed when so asked",
        {"src": "src", "dest": "link", "follow": True},
        {"old": ("file", "0644", "text\n")},
    ),
    (
        "folders that lack are made for a destination with a final slash",
        {"src": "src", "dest": "a/b/", "directory_mode": "0700"},
        {"a": ("directory", "0700", ""), "a/b": ("directory", "0700", ""), "a/b/src": ("file", "0644", "text\n")},
    ),
    ("what a link points to is copied", {"src": "link", "dest": "new"}, {"new": ("file", "0644", "old\n")}),
]


@pytest.mark.parametrize(("args", "wanted"), [case[1:] for case in COPIED], ids=[case[0] for case in COPIED])
def test_a_file_is_copied_once(tmp_path: Path, args: dict[str, Any], wanted: dict[str, Any]) -> None:
    before = tree(fill(tmp_path, HOUSE))
    result = settled(tmp_path, "copy", here(tmp_path, **args))
    assert tree(tmp_path) == {**before, **wanted}
    content = Path(here(tmp_path, **args)["src"]).read_bytes()
    assert (result["changed"], result["checksum"]) == (True, hashlib.sha1(content).hexdigest())


REFUSED = [
    ({"src": "none", "dest": "new"}, "Source ROOT/none not found"),
    ({"src": "src", "dest": "no/new"}, "Destination directory ROOT/no does not exist"),
    ({"src": "pipe", "dest": "new"}, "Cannot copy invalid source 'ROOT/pipe': not a file"),
    ({"src": "src", "dest": "new", "checksum": "0" * 40}, "Copied file does not match the expected checksum"),
    ({"src": "src", "dest": "new", "owner": "nobody-has-this"}, "chown failed: failed to look up user"),
    ({"src": "src", "dest": "new", "mode": "rubbish"}, "mode must be in octal or symbolic form"),
    ({"src": "src", "dest": "new", "validate": "true"}, "validate must contain %s: true"),
    ({"src": "tree", "dest": "src"}, "There was an issue creating ROOT/src as requested"),
]


@pytest.mark.parametrize(("args", "msg"), REFUSED, ids=[str(case[0]) for case in REFUSED])
def test_what_cannot_be_copied_is_told_and_leaves_nothing(tmp_path: Path, args: dict[str, Any], msg: str) -> None:
    fill(tmp_path, {"src": "text\n", "tree/a": "a"})
    pipe = tmp_path / "pipe"
    if args["src"] == "pipe":
        os.mkfifo(pipe)
        result = run("copy", here(tmp_path, **args))
        pipe.unlink()
        said = result["msg"]
    else:
        said = refused(tmp_path, "copy", here(tmp_path, **args))
    assert said.startswith(msg.replace("ROOT", str(tmp_path)))
    assert sorted(texts(tmp_path)) == ["src", "tree/a"]


def test_the_same_content_and_mode_is_no_change_and_the_file_is_not_touched(tmp_path: Path) -> None:
    fill(tmp_path, {"a": "text", "b": "text"})
    inode = (tmp_path / "b").stat().st_ino
    assert settled(tmp_path, "copy", here(tmp_path, "a", "b"))["changed"] is False
    assert (tmp_path / "b").stat().st_ino == inode


def test_equal_sizes_are_not_equal_contents(tmp_path: Path) -> None:
    fill(tmp_path, {"a": "1234", "b": "4321"})
    [diff] = settled(tmp_path, "copy", here(tmp_path, "a", "b"))["diff"]
    assert (diff["before"], diff["after"], texts(tmp_path)["b"]) == ("4321", "1234", "1234")


def test_force_off_leaves_what_is_there(tmp_path: Path) -> None:
    fill(tmp_path, {"a": "1", "b": "2"})
    result = settled(tmp_path, "copy", here(tmp_path, "a", "b", force=False))
    assert (result["changed"], result["msg"], texts(tmp_path)) == (False, "file already exists", {"a": "1", "b": "2"})


def test_a_checksum_that_fits_lets_it_pass(tmp_path: Path) -> None:
    fill(tmp_path, {"a": "1"})
    args = here(tmp_path, "a", "b", checksum=hashlib.sha1(b"1").hexdigest())
    assert settled(tmp_path, "copy", args)["changed"] is True


def test_a_backup_is_made_of_what_is_replaced_and_of_nothing_else(tmp_path: Path) -> None:
    fill(tmp_path, {"a": "1"})
    assert "backup_file" not in run("copy", here(tmp_path, "a", "b", backup=True))
    (tmp_path / "a").write_text("2")
    assert Path(run("copy", here(tmp_path, "a", "b", backup=True))["backup_file"]).read_text() == "1"
    assert "backup_file" not in run("copy", here(tmp_path, "a", "b", backup=True)) and len(texts(tmp_path)) == 3


def test_a_validator_that_refuses_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    fill(tmp_path, {"a": "new", "b": "old"})
    processes = FakeProcesses(("check", printed("", 3, "bad")))
    args = here(tmp_path, "a", "b", validate="check %s", backup=True)
    result = run("copy", args, a_target(processes))
    assert (result["msg"], result["exit_status"], result["stderr"]) == ("failed to validate", 3, "bad")
    assert texts(tmp_path) == {"a": "new", "b": "old"}


TREE: dict[str, Any] = {
    "tree/a": (0o640, "a"),
    "tree/bin/run": (0o755, "#!"),
    "tree/empty": None,
    "tree/link -> a": None,
    "tree/gone -> nowhere": None,
    "to/mine": "mine",
}


def test_a_folder_goes_into_a_folder_that_is_there_by_its_name(tmp_path: Path) -> None:
    result = settled(fill(tmp_path, TREE), "copy", here(tmp_path, "tree", "to", local_follow=False))
    assert result["dest"] == f"{tmp_path}/to/tree"
    assert tree(tmp_path / "to" / "tree") == tree(tmp_path / "tree")
    assert texts(tmp_path / "to")["mine"] == "mine"


def test_with_a_final_slash_only_what_is_in_it_goes(tmp_path: Path) -> None:
    settled(fill(tmp_path, TREE), "copy", here(tmp_path, "tree/", "to", local_follow=False))
    found = tree(tmp_path / "to")
    assert found.pop("mine") == ("file", "0644", "mine")
    assert found == tree(tmp_path / "tree")


def test_links_of_a_tree_are_followed_unless_told_not_to(tmp_path: Path) -> None:
    settled(fill(tmp_path, TREE), "copy", here(tmp_path, "tree/", "new"))
    assert tree(tmp_path / "new")["link"] == ("file", "0640", "a")
    assert tree(tmp_path / "new")["gone"] == ("link", "", "nowhere"), "what leads nowhere stays a link"


def test_modes_of_the_task_go_over_those_of_the_tree(tmp_path: Path) -> None:
    args = here(tmp_path, "tree/", "new", mode="0600", directory_mode="0711")
    settled(fill(tmp_path, TREE), "copy", args)
    modes = {name: mode for name, (_, mode, _) in tree(tmp_path / "new").items() if mode}
    assert modes == {"a": "0600", "bin": "0711", "bin/run": "0600", "empty": "0711", "link": "0600"}


def test_of_a_tree_only_what_differs_is_shown_and_written(tmp_path: Path) -> None:
    fill(tmp_path, TREE)
    run("copy", here(tmp_path, "tree/", "new"))
    inode = (tmp_path / "new" / "a").stat().st_ino
    (tmp_path / "new" / "bin" / "run").write_text("?!")
    result = settled(tmp_path, "copy", here(tmp_path, "tree/", "new"))
    path = f"{tmp_path}/new/bin/run"
    assert result["diff"] == [{"before": "?!", "after": "#!", "before_header": path, "after_header": path}]
    assert (tmp_path / "new" / "a").stat().st_ino == inode


def test_force_off_adds_to_a_tree_and_replaces_nothing(tmp_path: Path) -> None:
    fill(tmp_path, {**TREE, "to/a": "other"})
    settled(tmp_path, "copy", here(tmp_path, "tree/", "to", force=False))
    assert texts(tmp_path / "to")["a"] == "other" and texts(tmp_path / "to")["bin/run"] == "#!"


def test_a_folder_in_the_way_of_a_trees_file_is_told_and_nothing_of_ours_is_left(tmp_path: Path) -> None:
    fill(tmp_path, {"tree/a": "a", "to/a/mine": "mine"})
    assert refused(tmp_path, "copy", here(tmp_path, "tree/", "to")).startswith("Could not replace file: ")


def test_a_folder_in_the_way_of_a_trees_link_is_told(tmp_path: Path) -> None:
    fill(tmp_path, {"tree/a -> b": None, "to/a/mine": "mine"})
    said = refused(tmp_path, "copy", here(tmp_path, "tree/", "to", local_follow=False))
    assert said == f"a folder is where a link shall be: {tmp_path}/to/a"


def test_looking_at_a_tree_names_every_folder_link_and_the_number_of_files(tmp_path: Path) -> None:
    fill(tmp_path, {"tree/a": "a", "tree/b": "b", "tree/l -> a": None})
    change = look("copy", here(tmp_path, "tree/", "new", local_follow=False))
    assert [part.summary for part in change.parts] == [
        f"create folder {tmp_path}/new",
        f"link {tmp_path}/new/l",
        f"write 2 files under {tmp_path}/new",
    ]


def test_every_new_folder_of_a_tree_is_named_once_and_has_the_mode_of_its_original(tmp_path: Path) -> None:
    fill(tmp_path, {"tree/a/b/c": "c"})
    (tmp_path / "tree" / "a").chmod(0o700)
    args = here(tmp_path, "tree/", "new")
    names = [part.summary.rpartition("/")[2] for part in look("copy", args).parts if "create folder" in part.summary]
    assert names == ["new", "a", "b"]
    settled(tmp_path, "copy", args)
    assert tree(tmp_path / "new")["a"] == ("directory", "0700", "")


def test_folders_of_a_tree_that_are_there_get_the_folder_mode_of_the_task(tmp_path: Path) -> None:
    fill(tmp_path, {"tree/a/x": "x", "to/a": None})
    settled(tmp_path, "copy", here(tmp_path, "tree/", "to", directory_mode="0750"))
    assert tree(tmp_path / "to")["a"] == ("directory", "0750", "")
