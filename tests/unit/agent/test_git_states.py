"""git: where the repository is, how git is called, and what is asked of each kind of working copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provision.agent.arguments import parse
from provision.agent.git_repository import Repository
from provision.agent.specs import SPECS
from tests.unit.agent.fakes import FakeProcesses, a_target, printed, run
from tests.unit.agent.given import fill

HEAD = "a" * 40
URL = "https://git.example.org/x.git"


def repository(dest: Path, *rules: Any, **args: Any) -> tuple[Repository, FakeProcesses]:
    processes = FakeProcesses(*rules, ("", printed()))
    parsed = parse("git", SPECS["git"], {"repo": URL, "dest": str(dest), **args})
    return Repository(parsed, a_target(processes)), processes


@pytest.mark.parametrize(
    ("layout", "bare", "exists"),
    [
        ({}, False, False),
        ({".git/config": ""}, False, True),
        ({".git/HEAD": ""}, False, False),
        ({".git": "gitdir: ../elsewhere\n", "../elsewhere/config": ""}, False, True),
        ({".git": "gitdir: ../gone\n"}, False, False),
        ({"config": ""}, True, True),
        ({"config": ""}, False, False),
        ({".git/config": ""}, True, False),
    ],
    ids=str,
)
def test_where_a_repository_is(tmp_path: Path, layout: Any, bare: bool, exists: bool) -> None:
    dest = tmp_path / "copy"
    dest.mkdir()
    assert repository(fill(dest, layout), bare=bare)[0].exists() is exists


@pytest.mark.parametrize(
    ("lines", "bare", "dirty"),
    [
        ("", False, False),
        ("?? new\n", False, False),
        (" M file\n", False, True),
        ("?? new\nD  gone\n", False, True),
        (" M file\n", True, False),
    ],
)
def test_what_counts_as_local_changes(tmp_path: Path, lines: str, bare: bool, dirty: bool) -> None:
    assert repository(tmp_path, ("status", printed(lines)), bare=bare)[0].has_local_changes() is dirty


@pytest.mark.parametrize(
    ("args", "command"),
    [
        ({}, None),
        ({"accept_hostkey": True}, "ssh -o StrictHostKeyChecking=no -o BatchMode=yes"),
        ({"accept_newhostkey": True}, "ssh -o StrictHostKeyChecking=accept-new -o BatchMode=yes"),
        ({"ssh_opts": "-p 2222"}, "ssh -p 2222 -o BatchMode=yes"),
        (
            {"ssh_opts": "-o StrictHostKeyChecking=yes", "accept_hostkey": True},
            "ssh -o StrictHostKeyChecking=yes -o BatchMode=yes",
        ),
    ],
    ids=str,
)
def test_ssh_is_told_only_what_the_task_says(tmp_path: Path, args: dict[str, Any], command: str | None) -> None:
    here, processes = repository(tmp_path, **args)
    here.run("fetch")
    environment = processes.started[0].environment or {}
    assert environment.get("GIT_SSH_COMMAND") == command
    assert (environment["GIT_TERMINAL_PROMPT"], environment["LC_ALL"]) == ("0", "C")


def test_git_runs_in_the_copy_with_the_program_and_mask_of_the_task(tmp_path: Path) -> None:
    here, processes = repository(tmp_path, executable="/opt/git", umask="027")
    here.run("fetch")
    here.run("clone", here=False)
    assert processes.lines == ["/opt/git fetch", "/opt/git clone"]
    assert [command.cwd for command in processes.started] == [str(tmp_path), None]
    assert {command.umask for command in processes.started} == {0o027}


def test_a_mask_without_quotes_is_refused(tmp_path: Path) -> None:
    result = run("git", {"repo": URL, "dest": str(tmp_path / "x"), "umask": 23}, a_target(FakeProcesses()))
    assert result["msg"] == "umask must be defined as a quoted octal integer"


def test_a_whole_commit_id_is_not_asked_for_and_anything_else_is(tmp_path: Path) -> None:
    here, processes = repository(tmp_path, version=HEAD)
    assert here.remote_head("origin") == HEAD and processes.lines == []
    listing = ("ls-remote", printed(f"{HEAD}\trefs/heads/main\n"))
    here, processes = repository(tmp_path, listing, version="main")
    assert here.remote_head("origin") == HEAD and processes.lines == ["/bin/git ls-remote origin"]


def test_branches_are_those_of_the_remote_that_the_task_names(tmp_path: Path) -> None:
    refs = printed("refs/remotes/up/main\nrefs/remotes/up/feature/x\n")
    here, processes = repository(tmp_path, ("for-each-ref", refs), remote="up")
    assert here.branches() == ["main", "feature/x"]
    assert processes.lines[0].endswith("refs/remotes/up/")


def test_an_empty_repository_has_no_head_and_an_unknown_remote_no_address(tmp_path: Path) -> None:
    here, _ = repository(tmp_path, ("", printed("", 1)))
    assert here.head() is None and here.remote_url() is None


@pytest.mark.parametrize(
    ("repo", "url"),
    [("/srv/x.git", "file:///srv/x.git"), ("git@host:x.git", "git@host:x.git"), (URL, URL)],
)
def test_a_path_is_an_address_too(tmp_path: Path, repo: str, url: str) -> None:
    assert repository(tmp_path, repo=repo)[0].url == url


def test_without_git_it_fails_before_anything_is_looked_at(tmp_path: Path) -> None:
    processes = FakeProcesses(missing=["git"])
    result = run("git", {"repo": URL, "dest": str(tmp_path / "x")}, a_target(processes))
    assert 'required executable "git"' in result["msg"] and processes.lines == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"separate_git_dir": "/srv/git"}, "--separate-git-dir=/srv/git"),
        ({"reference": "/srv/mirror"}, "--reference /srv/mirror"),
        ({"remote": "up"}, "clone --origin up"),
        ({"version": "v1.2"}, "--branch v1.2"),
    ],
    ids=str,
)
def test_what_a_clone_is_told(tmp_path: Path, args: dict[str, Any], words: str) -> None:
    processes = FakeProcesses(("rev-parse", printed(HEAD + "\n")), ("", printed()))
    result = run("git", {"repo": URL, "dest": str(tmp_path / "new"), **args}, a_target(processes))
    assert result["after"] == HEAD and words in processes.lines[0]


def test_a_commit_id_is_no_branch_to_clone(tmp_path: Path) -> None:
    processes = FakeProcesses(("rev-parse", printed(HEAD + "\n")), ("", printed()))
    run("git", {"repo": URL, "dest": str(tmp_path / "new"), "version": HEAD}, a_target(processes))
    assert "--branch" not in processes.lines[0] and f"/bin/git checkout --force {HEAD} --" in processes.lines


def test_without_clone_only_the_remote_is_asked(tmp_path: Path) -> None:
    processes = FakeProcesses(("ls-remote", printed(f"{HEAD}\tHEAD\n")))
    result = run("git", {"repo": URL, "clone": False}, a_target(processes))
    assert (result["changed"], result["before"], result["after"]) == (True, None, HEAD)
    assert processes.lines == [f"/bin/git ls-remote {URL}"]
