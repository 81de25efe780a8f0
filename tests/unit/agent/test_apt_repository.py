"""apt's sources: which file gets which line, and that a source which cannot be fetched is taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provision.agent import apt_get
from provision.agent.modules import apt_repository
from provision.agent.modules.apt_repository import file_name, parsed
from tests.unit.agent.fakes import FakeProcesses, a_target, printed, run, tree

LINE = "deb http://deb.example.org/debian bookworm main"
OWN = "sources.list.d/deb_example_org_debian.list"


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(apt_repository, "SOURCES", str(tmp_path / "apt"))
    monkeypatch.setattr(apt_get, "LISTS", str(tmp_path))
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    (tmp_path / "apt" / "sources.list").write_text("deb http://main.example.org x main # comment\n# a remark\n")
    return tmp_path / "apt"


def apply(args: dict[str, Any], **settings: Any) -> tuple[dict[str, Any], list[str]]:
    processes = FakeProcesses(("update", settings.pop("update", printed())))
    return run("apt_repository", args, a_target(processes, diff=True, **settings)), processes.lines


def test_a_new_source_gets_a_file_of_its_own_and_the_lists_are_fetched(etc: Path) -> None:
    result, lines = apply({"repo": LINE})
    assert tree(etc)[OWN] == ("file", "0644", LINE + "\n")
    assert lines == ["/bin/apt-get -q update"]
    assert result["changed"] is True and result["sources_added"] == [str(etc / OWN)]
    assert result["diff"] == [
        {"before": "", "after": LINE + "\n", "before_header": "/dev/null", "after_header": str(etc / OWN)}
    ]


def test_a_source_that_is_there_changes_nothing_wherever_it_stands(etc: Path) -> None:
    (etc / "sources.list.d" / "other.list").write_text(LINE.replace(" ", "  ") + "\n")
    result, lines = apply({"repo": LINE})
    assert (result["changed"], lines) == (False, [])


def test_a_source_that_is_switched_off_is_switched_on(etc: Path) -> None:
    (etc / "sources.list").write_text("# " + LINE + "\n# a remark\n")
    assert apply({"repo": LINE})[0]["changed"] is True
    assert (etc / "sources.list").read_text() == LINE + "\n# a remark\n"
    assert not (etc / OWN).exists()


def test_the_users_name_and_mode_of_the_file(etc: Path) -> None:
    apply({"repo": LINE, "filename": "mine", "mode": "0600"})
    assert tree(etc)["sources.list.d/mine.list"][1] == "0600"


def test_check_mode_writes_nothing(etc: Path) -> None:
    before = tree(etc)
    result, lines = apply({"repo": LINE}, check=True)
    assert result["changed"] is True and lines == [] and tree(etc) == before


def test_lists_are_left_alone_when_told_so(etc: Path) -> None:
    assert apply({"repo": LINE, "update_cache": False})[1] == []


def test_a_source_that_cannot_be_fetched_is_taken_back(etc: Path) -> None:
    before = tree(etc)
    broken = printed("", 100, "E: The repository 'http://deb.example.org bookworm' does not have a Release file.\n")
    result, _ = apply({"repo": LINE, "update_cache_retries": 1}, update=broken)
    assert result["failed"] and "does not have a Release file" in result["msg"]
    assert tree(etc) == before


def test_removal_takes_the_line_and_an_empty_file(etc: Path) -> None:
    (etc / OWN).write_text(LINE + "\n")
    (etc / "sources.list").write_text(LINE + "\ndeb http://other x y\n")
    result, _ = apply({"repo": LINE, "state": "absent"})
    assert result["changed"] is True and result["sources_removed"] == [str(etc / OWN)]
    assert (etc / "sources.list").read_text() == "deb http://other x y\n"
    assert apply({"repo": LINE, "state": "absent"})[0]["changed"] is False


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (LINE, "deb_example_org_debian.list"),
        (
            "deb [signed-by=/x.gpg arch=amd64] https://download.docker.com/linux/debian b stable",
            "download_docker_com_linux_debian.list",
        ),
        ("deb https://user:secret@private.example.org/x y z", "private_example_org_x.list"),
    ],
)
def test_files_are_named_as_ansible_names_them(source: str, name: str) -> None:
    assert file_name(source, None) == name


def test_lines_are_read_with_their_comments() -> None:
    line = parsed("# deb   http://x   y  z # why")
    assert (line.source, line.enabled, line.comment) == ("deb http://x y z", False, "why")
    assert parsed("# only words").source == ""


@pytest.mark.parametrize("repo", ["rubbish", "# deb http://x y z", ""])
def test_what_is_no_source_is_refused(etc: Path, repo: str) -> None:
    assert "Invalid repository string" in apply({"repo": repo})[0]["msg"]


def test_a_ppa_is_refused_with_the_way_out(etc: Path) -> None:
    result, _ = apply({"repo": "ppa:user/name"})
    assert "refused" in result["msg"] and "signed-by" in result["hint"]
