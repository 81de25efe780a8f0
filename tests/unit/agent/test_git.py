"""git: which commands for which state of the working copy; the real program is met in the docker tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from provision.agent.git_repository import chosen
from tests.unit.agent.fakes import FakeProcesses, a_target, printed, run

OLD, NEW = "a" * 40, "b" * 40
REFS = (
    f"{NEW}\tHEAD\n{NEW}\trefs/heads/main\n{OLD}\trefs/heads/old\n{'c' * 40}\trefs/tags/v1\n{OLD}\trefs/tags/v1^{{}}\n"
)
URL = "https://git.example.org/x.git"


def git(
    tmp_path: Path, args: dict[str, Any], *rules: Any, here: bool = True, **settings: Any
) -> tuple[dict[str, Any], list[str]]:
    dest = tmp_path / "copy"
    if here:
        (dest / ".git").mkdir(parents=True, exist_ok=True)
        (dest / ".git" / "config").touch()
    processes = FakeProcesses(
        *rules,
        ("rev-parse", printed(NEW + "\n")),
        ("status --porcelain", printed("?? untracked\n")),
        ("config --get", printed(URL + "\n")),
        ("ls-remote", printed(REFS)),
        ("for-each-ref", printed("refs/remotes/origin/main\nrefs/remotes/origin/old\n")),
        ("symbolic-ref", printed("refs/remotes/origin/main\n")),
        ("", printed()),
    )
    result = run("git", {"repo": URL, "dest": str(dest), **args}, a_target(processes, **settings))
    asking = ("rev-parse", "status", "config --get", "ls-remote", "for-each-ref", "symbolic-ref")
    lines = [line.removeprefix("/bin/git ") for line in processes.lines]
    return result, [line for line in lines if not line.startswith(asking)]


@pytest.mark.parametrize(
    ("version", "sha"),
    [("HEAD", NEW), ("main", NEW), ("old", OLD), ("v1", OLD), ("refs/heads/old", OLD), ("nothing", None)],
)
def test_what_a_version_means_on_the_other_side(version: str, sha: str | None) -> None:
    assert chosen(REFS, version) == sha


def test_a_copy_at_the_wanted_commit_changes_nothing_and_fetches_nothing(tmp_path: Path) -> None:
    result, lines = git(tmp_path, {"version": "main"})
    assert lines == []
    assert result == {"changed": False, "before": NEW, "after": NEW, "remote_url_changed": False}


@pytest.mark.parametrize("version", [NEW, NEW[:8]])
def test_a_commit_id_needs_no_question(tmp_path: Path, version: str) -> None:
    assert git(tmp_path, {"version": version})[0]["changed"] is False


def test_an_older_copy_is_fetched_and_moved(tmp_path: Path) -> None:
    commits = iter([OLD, NEW])
    result, lines = git(tmp_path, {"version": "main"}, ("rev-parse", lambda command: printed(next(commits) + "\n")))
    assert (result["changed"], result["before"], result["after"]) == (True, OLD, NEW)
    assert lines == [
        "fetch --force origin +refs/heads/*:refs/remotes/origin/* +refs/tags/*:refs/tags/*",
        "checkout --force -B main --track origin/main",
        "reset --hard origin/main --",
    ]


def test_check_mode_asks_and_does_not_fetch(tmp_path: Path) -> None:
    result, lines = git(tmp_path, {"version": "old"}, check=True, diff=True)
    assert lines == [] and result["changed"] is True and result["after"] == OLD
    assert result["diff"] == [{"before": NEW + "\n", "after": OLD + "\n"}]


def test_a_tag_is_checked_out_by_its_name(tmp_path: Path) -> None:
    assert git(tmp_path, {"version": "v1"})[1][-1] == "checkout --force v1 --"


def test_a_commit_that_no_branch_brings_is_fetched_by_its_id(tmp_path: Path) -> None:
    missing = ("cat-file", printed(rc=1))
    assert f"fetch origin {OLD}" in git(tmp_path, {"version": OLD}, missing)[1]


def test_a_new_copy_is_cloned(tmp_path: Path) -> None:
    result, lines = git(tmp_path, {"version": "main", "depth": 1, "single_branch": True}, here=False)
    dest = tmp_path / "copy"
    assert lines[0] == f"clone --origin origin --single-branch --depth 1 --branch main {URL} {dest}"
    assert (result["changed"], result["before"], result["after"]) == (True, None, NEW)
    assert git(tmp_path, {}, here=False, check=True)[1] == []


def test_a_bare_clone_has_nothing_checked_out(tmp_path: Path) -> None:
    _, lines = git(tmp_path, {"bare": True}, here=False)
    assert lines == [f"clone --origin origin --bare {URL} {tmp_path}/copy"]


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "mine").touch()
    result, lines = git(tmp_path, {}, here=False)
    assert "no git repository" in result["msg"] and lines == []


def test_local_changes_stop_it_unless_forced(tmp_path: Path) -> None:
    dirty = ("status --porcelain", printed(" M file\n"))
    result, lines = git(tmp_path, {}, dirty)
    assert result["msg"].startswith("Local modifications exist in the destination") and lines == []
    result, lines = git(tmp_path, {"force": True}, dirty)
    assert lines[0] == "reset --hard HEAD" and result["changed"] is True


def test_another_address_of_the_remote(tmp_path: Path) -> None:
    moved = ("config --get", printed("https://old.example.org/x.git\n"))
    result, lines = git(tmp_path, {}, moved)
    assert lines[0] == f"remote set-url origin {URL}"
    assert result["remote_url_changed"] is True and result["changed"] is True


def test_without_update_a_copy_is_left_as_it_is(tmp_path: Path) -> None:
    result, lines = git(tmp_path, {"update": False, "version": "old"})
    assert (result["changed"], result["after"], lines) == (False, NEW, [])


def test_submodules_that_are_missing_are_fetched(tmp_path: Path) -> None:
    (tmp_path / "copy" / ".git").mkdir(parents=True)
    (tmp_path / "copy" / ".gitmodules").touch()
    stale = ("submodule status", printed(f"-{OLD} sub\n"))
    result, lines = git(tmp_path, {}, stale)
    assert result["changed"] is True and lines[-1] == "submodule update --init --recursive"
    current = ("submodule status", printed(f" {OLD} sub (v1)\n"))
    assert git(tmp_path, {}, current)[0]["changed"] is False
    assert git(tmp_path, {"recursive": False}, stale)[0]["changed"] is False


def test_keys_and_host_keys_go_through_the_environment(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch()
    processes = FakeProcesses(("", printed(REFS)))
    args = {"repo": "git@x:y", "dest": str(tmp_path / "copy"), "key_file": str(key), "accept_newhostkey": True}
    run("git", {**args, "clone": False, "version": "main"}, a_target(processes))
    environment = processes.started[0].environment or {}
    wanted = f"ssh -i {key} -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new -o BatchMode=yes"
    assert environment["GIT_SSH_COMMAND"] == wanted and environment["GIT_TERMINAL_PROMPT"] == "0"


def test_a_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "could not find the key_file" in git(tmp_path, {"key_file": "/no/such"})[0]["msg"]


def test_a_path_is_cloned_like_an_address(tmp_path: Path) -> None:
    _, lines = git(tmp_path, {"repo": "/srv/x.git"}, here=False)
    assert "file:///srv/x.git" in lines[0]


def test_failures_are_told_with_gits_first_word(tmp_path: Path) -> None:
    words = "Cloning into 'x'...\nfatal: repository 'https://x/' not found\nfatal: more\n"
    result, _ = git(tmp_path, {}, ("clone", printed("", 128, words)), here=False)
    assert result["msg"] == "git clone failed: fatal: repository 'https://x/' not found" and result["rc"] == 128


def test_a_commit_without_good_signature_is_refused(tmp_path: Path) -> None:
    bad = ("verify-commit", printed("", 1, "no signature"))
    assert "Failed to verify GPG signature" in git(tmp_path, {"version": "old", "verify_commit": True}, bad)[0]["msg"]
    good = ("verify-commit", printed("", 0, "[GNUPG:] VALIDSIG ABCDEF x"))
    args = {"version": "old", "verify_commit": True, "gpg_allowlist": ["OTHER"]}
    assert git(tmp_path, args, good)[0]["failed"] is True
    assert "failed" not in git(tmp_path, {**args, "gpg_allowlist": ["ABCDEF"]}, good)[0]


def test_an_archive_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"

    def archive(command: Any) -> Any:
        Path(command.argv[command.argv.index("--output") + 1]).write_text("archive")
        return printed()

    rule = ("archive --format tar.gz", archive)
    result, _ = git(tmp_path, {"archive": str(path)}, rule)
    assert (result["changed"], result["archive"]) == (True, str(path)) and path.read_text() == "archive"
    assert git(tmp_path, {"archive": str(path)}, rule)[0]["changed"] is False
    assert "file extension" in git(tmp_path, {"archive": str(tmp_path / "x.rar")}, rule)[0]["msg"]


def test_the_mask_of_new_files_is_the_users(tmp_path: Path) -> None:
    processes = FakeProcesses(("", printed(NEW)))
    run("git", {"repo": URL, "dest": str(tmp_path / "copy"), "umask": "0027"}, a_target(processes))
    assert {command.umask for command in processes.started} == {0o027}
    assert os.path.isabs(str(tmp_path))
    assert "quoted octal" in git(tmp_path, {"umask": 27})[0]["msg"]
