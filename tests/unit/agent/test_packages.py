"""Packages: what dpkg has, what a task wishes, and what apt-get is told."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import Any

import pytest

from provision.agent import apt_get, packages
from provision.agent.errors import Failed
from provision.agent.modules import apt as apt_module
from provision.agent.packages import Wish, installed_from, older, parse
from provision.agent.process import Command, Completed
from tests.unit.agent.fakes import FakeProcesses, a_target, printed, run

LISTING = "\n".join(
    [
        "jq\tamd64\t1.6-2.1+deb12u3\tinstalled\t",
        "libc6\tamd64\t2.36-9\tinstalled\tlibc6-2.36",
        "libc6\ti386\t2.36-9\tinstalled\t",
        "mawk\tamd64\t1.3.4\tinstalled\tawk",
        "tree\tamd64\t2.1.0-1\tconfig-files\t",
        "python3-x\tall\t1\tinstalled\t",
        "python3-y\tall\t1\tinstalled\t",
    ]
)
NOTHING = "0 upgraded, 0 newly installed, 0 to remove and 3 not upgraded.\n"


@pytest.fixture(autouse=True)
def apt_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lists = tmp_path / "lists"
    lists.mkdir()
    monkeypatch.setattr(apt_get, "LISTS", str(lists))
    monkeypatch.setattr(apt_get, "STAMP", str(tmp_path / "stamp"))
    monkeypatch.setattr(apt_get, "POLICY", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(apt_module, "_EXTENDED_STATES", str(tmp_path / "extended_states"))
    return tmp_path


def apt(args: dict[str, Any], *rules: Any, **settings: Any) -> tuple[dict[str, Any], list[str]]:
    dpkg = ("dpkg-query -W", printed(LISTING))
    processes = FakeProcesses(*rules, dpkg, ("apt-get", printed("done\n")))
    result = run("apt", args, a_target(processes, **settings))
    return result, [line for line in processes.lines if "dpkg-query" not in line]


def words(line: str) -> str:
    """A command line without what every call has."""
    plain = "/bin/apt-get -y -q -o DPkg::Lock::Timeout=60"
    for option in ("force-confdef", "force-confold"):
        plain += f" -o Dpkg::Options::=--{option}"
    assert line.startswith(plain)
    return line[len(plain) + 1 :]


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("jq", Wish("jq")),
        ("jq=1.6", Wish("jq", "", "=", "1.6")),
        ("jq=1.6*", Wish("jq", "", "=", "1.6*")),
        ("jq >= 1.5", Wish("jq", "", ">=", "1.5")),
        ("libc6:i386", Wish("libc6", "i386")),
        ("libc6:i386=2.36-9", Wish("libc6", "i386", "=", "2.36-9")),
        ("x=1:2.3~rc1-1", Wish("x", "", "=", "1:2.3~rc1-1")),
        ("g++-11", Wish("g++-11")),
    ],
)
def test_wishes_are_read_as_ansible_writes_them(text: str, wish: Wish) -> None:
    assert parse(text) == wish


@pytest.mark.parametrize("text", ["", "a=b=c", "a b", "a=", "=1"])
def test_what_is_no_wish_is_refused(text: str) -> None:
    with pytest.raises(Failed, match="invalid package spec"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "present"),
    [
        ("jq", True),
        ("jq=1.6*", True),
        ("jq=1.7*", False),
        ("jq=1.6-2.1+deb12u3", True),
        ("jq>=1.5", True),
        ("jq>=1.7", False),
        ("libc6:i386", True),
        ("libc6:arm64", False),
        ("awk", True),
        ("awk=1", False),
        ("tree", False),
        ("nothing", False),
    ],
)
def test_what_is_installed(text: str, present: bool) -> None:
    assert installed_from(LISTING).present(parse(text)) is present


def test_what_was_removed_may_have_left_its_configuration() -> None:
    assert installed_from(LISTING).left_behind(parse("tree"))
    assert not installed_from(LISTING).left_behind(parse("jq"))


ORDERED = [
    "1.0~~",
    "1.0~rc1",
    "1.0~rc2-1",
    "1.0",
    "1.0-1",
    "1.0-1+b1",
    "1.0-2",
    "1.0a",
    "1.0+x",
    "1.1",
    "1.10",
    "1:0.1",
]


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(ORDERED, 2)))
def test_versions_are_ordered_by_debians_rules(one: str, other: str) -> None:
    assert older(one, other) and not older(other, one) and not older(one, one)


def test_what_is_there_changes_nothing_and_starts_no_apt() -> None:
    result, lines = apt({"name": ["jq", "awk", "libc6:i386"]})
    assert (result["changed"], lines) == (False, [])


def test_only_what_lacks_is_installed() -> None:
    result, [line] = apt({"name": "jq,curl,git", "install_recommends": False})
    assert words(line) == "-o APT::Install-Recommends=no install curl git"
    assert result["changed"] is True and result["stdout"] == "done\n"


def test_check_mode_simulates_and_tells_what_would_come() -> None:
    result, [line] = apt({"name": "curl"}, check=True, diff=True)
    assert words(line) == "--simulate install curl"
    assert result["changed"] is True and result["diff"] == [{"before": "", "after": "curl\n"}]


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        ({"default_release": "sid"}, "-t sid install curl"),
        ({"install_recommends": True}, "-o APT::Install-Recommends=yes install curl"),
        ({"allow_downgrade": True}, "--allow-downgrades install curl"),
        ({"allow_unauthenticated": True}, "--allow-unauthenticated install curl"),
        ({"allow_change_held_packages": True}, "--allow-change-held-packages install curl"),
        ({"fail_on_autoremove": True}, "--no-remove install curl"),
        ({"autoremove": True}, "--auto-remove install curl"),
        ({"state": "fixed"}, "--fix-broken install curl"),
    ],
)
def test_arguments_become_options(args: dict[str, Any], wanted: str) -> None:
    assert words(apt({"name": "curl", **args})[1][0]) == wanted


def test_dpkg_options_and_the_lock_are_the_users() -> None:
    _, [line] = apt({"name": "curl", "dpkg_options": "force-all", "lock_timeout": 5})
    assert "DPkg::Lock::Timeout=5 -o Dpkg::Options::=--force-all install" in line


def test_the_latest_is_a_change_only_when_apt_would_do_something() -> None:
    result, lines = apt({"name": "jq", "state": "latest"}, ("--simulate install jq", printed(NOTHING)))
    assert result["changed"] is False and len(lines) == 1
    simulated = ("--simulate install jq", printed("Inst jq [1.6] (1.7 Debian)\n1 upgraded, 0 newly installed\n"))
    result, lines = apt({"name": "jq", "state": "latest"}, simulated, diff=True)
    assert result["changed"] is True and words(lines[-1]) == "install jq"
    assert result["diff"] == [{"before": "", "after": "jq [1.6] (1.7 Debian)\n"}]


def test_only_upgrade_leaves_alone_what_is_not_installed() -> None:
    result, lines = apt({"name": ["curl"], "only_upgrade": True})
    assert (result["changed"], lines) == (False, [])


def test_a_version_with_a_wildcard_is_the_newest_that_matches() -> None:
    madison = ("madison", printed(" curl | 8.1-2 | http://x\n curl | 7.88-10 | http://x\n curl | 7.88-9 | http://y\n"))
    _, lines = apt({"name": "curl=7.88*"}, madison)
    assert words(lines[-1]) == "install curl=7.88-10"
    assert "no available installation candidate" in apt({"name": "curl=6*"}, madison)[0]["msg"]


def test_a_name_with_a_wildcard_is_every_package_that_matches() -> None:
    _, lines = apt({"name": "lib?url*"}, ("pkgnames", printed("libcurl4\nlibcurl3\nliburl\njq\n")))
    assert words(lines[-1]) == "install libcurl3 libcurl4"
    assert "No package(s) matching" in apt({"name": "none*"}, ("pkgnames", printed("jq\n")))[0]["msg"]


def test_what_is_absent_needs_no_removal() -> None:
    assert apt({"name": ["curl", "tree"], "state": "absent"})[0]["changed"] is False


def test_removal_names_only_what_is_there() -> None:
    removal = ("--simulate", printed("Remv jq [1.6]\n0 upgraded, 0 newly installed, 1 to remove\n"))
    result, lines = apt({"name": ["jq", "curl"], "state": "absent", "autoremove": True}, removal, diff=True)
    assert words(lines[-1]) == "--auto-remove remove jq"
    assert result["diff"] == [{"before": "jq [1.6]\n", "after": ""}]


def test_purging_takes_what_an_earlier_removal_left() -> None:
    purge = ("--simulate", printed("Purg tree [2.1]\n0 upgraded, 0 newly installed, 1 to remove\n"))
    _, lines = apt({"name": "tree", "state": "absent", "purge": True}, purge)
    assert words(lines[-1]) == "--purge remove tree"


def test_removal_by_pattern() -> None:
    removal = ("--simulate", printed("Remv python3-x\nRemv python3-y\n"))
    _, lines = apt({"name": "python3-*", "state": "absent"}, removal)
    assert words(lines[-1]) == "remove python3-x python3-y"


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("yes", "upgrade --with-new-pkgs"),
        ("safe", "upgrade --with-new-pkgs"),
        ("dist", "dist-upgrade"),
        ("full", "dist-upgrade"),
    ],
)
def test_upgrades(kind: str, wanted: str) -> None:
    result, lines = apt({"upgrade": kind}, ("--simulate", printed("Inst libc6\n")))
    assert words(lines[-1]) == wanted and result["changed"] is True
    assert apt({"upgrade": kind}, ("--simulate", printed(NOTHING)))[0]["changed"] is False


def test_everything_at_the_latest_is_an_upgrade() -> None:
    _, lines = apt({"name": "*", "state": "latest"}, ("--simulate", printed("Inst libc6\n")))
    assert words(lines[-1]) == "upgrade --with-new-pkgs"


def test_tidying_up() -> None:
    result, lines = apt({"autoremove": True, "purge": True}, ("--simulate", printed("Remv old [1]\n")))
    assert words(lines[-1]) == "autoremove --purge" and result["changed"] is True
    assert apt({"autoremove": True}, ("--simulate", printed(NOTHING)))[0]["changed"] is False
    assert words(apt({"clean": True})[1][0]) == "clean"


def test_build_dependencies() -> None:
    _, lines = apt({"name": "curl", "state": "build-dep"}, ("--simulate", printed("Inst x\n")))
    assert words(lines[-1]) == "build-dep curl"


def test_an_unknown_package_is_named() -> None:
    gone = ("install nothing", printed("", 100, "E: Unable to locate package nothing\n"))
    result, _ = apt({"name": "nothing"}, gone)
    assert result["failed"] and result["msg"] == "No package matching 'nothing' is available"


def test_a_failing_apt_is_told_with_its_command_and_words() -> None:
    result, _ = apt({"name": "curl"}, ("install curl", printed("out", 100, "E: Broken packages\n")))
    assert result["rc"] == 100 and result["stderr"] == "E: Broken packages\n"
    assert "install curl' failed: E: Broken packages" in result["msg"]


def test_lists_are_fetched_when_asked_and_that_alone_is_a_change(apt_folders: Path) -> None:
    os.utime(apt_folders / "lists", (1000, 1000))
    result, [line] = apt({"update_cache": True})
    assert line == "/bin/apt-get -q update"
    assert result["changed"] is True and result["cache_updated"] is True
    assert abs(result["cache_update_time"] - time.time()) < 5


def test_lists_that_are_young_enough_are_left(apt_folders: Path) -> None:
    (apt_folders / "stamp").touch()
    result, lines = apt({"update_cache": True, "cache_valid_time": 3600})
    assert (result["changed"], result["cache_updated"], lines) == (False, False, [])


def test_fetching_lists_is_no_change_of_a_task_about_packages(apt_folders: Path) -> None:
    os.utime(apt_folders / "lists", (1000, 1000))
    result, lines = apt({"name": "jq", "update_cache": True})
    assert lines == ["/bin/apt-get -q update"]
    assert result["changed"] is False and result["cache_updated"] is True


def test_check_mode_fetches_no_lists(apt_folders: Path) -> None:
    os.utime(apt_folders / "lists", (1000, 1000))
    result, lines = apt({"update_cache": True}, check=True)
    assert lines == [] and result["changed"] is True


class Impatient(FakeProcesses):
    """A target on which no time passes."""


def without_waiting(processes: FakeProcesses) -> Any:
    target = a_target(processes)
    target.slept = []  # type: ignore[attr-defined]
    target.sleep = target.slept.append  # type: ignore[attr-defined,method-assign]
    return target


def test_a_failing_download_of_lists_is_tried_again_and_told(apt_folders: Path) -> None:
    answers = iter([printed("", 0, "W: Failed to fetch http://x  timeout\n"), printed("", 0)])
    target = without_waiting(FakeProcesses(("update", lambda command: next(answers))))
    os.utime(apt_folders / "lists", (1000, 1000))
    assert run("apt", {"update_cache": True}, target)["cache_updated"] is True
    assert target.slept == [1]
    assert "Failed to fetch http://x  timeout, retrying" in target.warnings[0]


def test_lists_that_never_come_fail_the_task() -> None:
    target = without_waiting(FakeProcesses(("update", printed("", 100, "E: Failed to fetch http://x\nE: more\n"))))
    result = run("apt", {"update_cache": True, "update_cache_retries": 3}, target)
    assert result["failed"] and "after 3 retries" in result["msg"]
    assert target.slept == [1, 2]


def test_a_lock_that_is_held_is_waited_for() -> None:
    locked = printed("", 100, "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7\n")
    answers = iter([locked, locked, printed("done\n")])
    processes = FakeProcesses(("dpkg-query", printed(LISTING)), ("install", lambda command: next(answers)))
    target = without_waiting(processes)
    assert run("apt", {"name": "curl"}, target)["stdout"] == "done\n"
    assert target.slept == [2, 2]


def test_a_lock_that_stays_is_told() -> None:
    locked = printed("", 100, "E: Could not get lock /var/lib/dpkg/lock-frontend\n")
    processes = FakeProcesses(("dpkg-query", printed(LISTING)), ("install", locked))
    result = run("apt", {"name": "curl", "lock_timeout": 0}, without_waiting(processes))
    assert result["msg"].startswith("Failed to lock apt for exclusive operation")


def test_what_an_interrupted_run_left_is_finished_first() -> None:
    interrupted = printed("", 100, "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'\n")
    answers = iter([interrupted, printed("done\n")])
    processes = FakeProcesses(
        ("dpkg-query", printed(LISTING)),
        ("dpkg --configure -a --force-confdef --force-confold", printed()),
        ("install", lambda command: next(answers)),
    )
    target = without_waiting(processes)
    assert run("apt", {"name": "curl"}, target)["stdout"] == "done\n"
    assert "interrupted" in target.warnings[0]


def test_services_are_kept_from_starting_while_packages_are_installed(apt_folders: Path) -> None:
    policy = apt_folders / "policy-rc.d"
    seen: list[str] = []

    def install(command: Command) -> Completed:
        seen.append(f"{policy.read_text()} {policy.stat().st_mode & 0o777:o}")
        return printed()

    apt({"name": "curl", "policy_rc_d": 101}, ("install", install))
    assert seen == ["#!/bin/sh\nexit 101\n 755"] and not policy.exists()
    policy.write_text("mine")
    apt({"name": "curl", "policy_rc_d": 0}, ("install", install))
    assert policy.read_text() == "mine"


def test_packages_that_a_task_names_are_no_longer_automatic(apt_folders: Path) -> None:
    (apt_folders / "extended_states").write_text("Package: jq\nArchitecture: amd64\nAuto-Installed: 1\n\n")
    result, lines = apt({"name": ["jq", "mawk"]}, ("apt-mark", printed("jq set to manually installed.\n")))
    assert lines == ["/bin/apt-mark manual jq"] and result["changed"] is False


@pytest.mark.parametrize(
    ("version", "args", "changed"),
    [("1.6-2.1+deb12u3", {}, False), ("1.7-1", {}, True), ("1.6-2.1+deb12u3", {"force": True}, True)],
)
def test_a_package_file(tmp_path: Path, version: str, args: dict[str, Any], changed: bool) -> None:
    deb = tmp_path / "jq.deb"
    deb.touch()
    fields = ("dpkg-deb -f", printed(f"Package: jq\nVersion: {version}\nArchitecture: amd64\n"))
    result, lines = apt({"deb": str(deb), **args}, fields)
    assert result["changed"] is changed
    assert not changed or lines[-1].endswith(f"install {deb}")


def test_an_older_package_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jq.deb").touch()
    fields = ("dpkg-deb -f", printed("Package: jq\nVersion: 1.5\nArchitecture: amd64\n"))
    assert "A later version is already installed" in apt({"deb": str(tmp_path / "jq.deb")}, fields)[0]["msg"]
    assert apt({"deb": str(tmp_path / "jq.deb"), "allow_downgrade": True}, fields)[0]["changed"] is True


def test_apt_is_asked_in_words_that_we_can_read_and_with_nobody_to_answer() -> None:
    processes = FakeProcesses(("dpkg-query", printed(LISTING)), ("install", printed()))
    run("apt", {"name": "curl"}, a_target(processes))
    environment = processes.started[-1].environment or {}
    assert (environment["LC_ALL"], environment["DEBIAN_FRONTEND"]) == ("C", "noninteractive")
    assert processes.started[-1].stdin is None
    assert packages.installed(a_target(processes)).version(Wish("jq")) == "1.6-2.1+deb12u3"
