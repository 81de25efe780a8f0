"""pip: what is compared here, and what pip is asked to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provision.agent.modules.pip import _fits, _joined
from provision.agent.process import Command, Completed
from tests.unit.agent.fakes import FakeProcesses, a_target, printed, run

HAS = "six==1.16.0\nPyYAML==6.0.1\n"


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").touch()
    return tmp_path / "venv"


def pip(venv: Path, args: dict[str, Any], after: str = HAS, **settings: Any) -> tuple[dict[str, Any], list[str]]:

    def listing(command: Command) -> Completed:
        return printed(after if any("-m pip" in line for line in processes.lines) else HAS)

    processes = FakeProcesses(
        *settings.pop("rules", ()),
        ("importlib.metadata", listing),
        ("", printed("Successfully installed\n")),
        missing=settings.pop("missing", ()),
    )
    result = run("pip", {"virtualenv": str(venv), **args}, a_target(processes, **settings))
    return result, [line.replace(str(venv), "VENV") for line in processes.lines if "importlib.metadata" not in line]


@pytest.mark.parametrize("name", ["six", "six==1.16.0", "Six>=1.10,<2", "pyyaml", ["six", "PyYAML~=6.0"], "six!=1.15"])
def test_what_is_there_changes_nothing_and_pip_is_not_started(venv: Path, name: Any) -> None:
    result, lines = pip(venv, {"name": name})
    assert (result["changed"], lines) == (False, [])


@pytest.mark.parametrize("name", ["requests", "six==1.15.0", "six>=2", "six~=1.17"])
def test_what_lacks_is_installed(venv: Path, name: str) -> None:
    result, lines = pip(venv, {"name": name}, after=HAS + "requests==2\n")
    assert lines == [f"VENV/bin/python -m pip install {name}"] and result["changed"] is True


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ({"name": "x", "version": "1.0"}, "install x==1.0"),
        ({"name": "x", "version": ">=1"}, "install x>=1"),
        ({"name": "x", "state": "latest"}, "install -U x"),
        ({"name": "x", "state": "forcereinstall"}, "install -U --force-reinstall x"),
        ({"name": "six", "state": "absent"}, "uninstall -y six"),
        ({"name": "x", "extra_args": "--no-deps -i 'http://a b'"}, "install --no-deps -i http://a b x"),
        ({"name": "git+https://x/y", "editable": True}, "install -e git+https://x/y"),
        ({"name": "x", "break_system_packages": True}, "install --break-system-packages x"),
        ({"requirements": "/no/such/requirements.txt"}, "install -r /no/such/requirements.txt"),
    ],
)
def test_what_pip_is_told(venv: Path, args: dict[str, Any], line: str) -> None:
    assert pip(venv, args)[1] == [f"VENV/bin/python -m pip {line}"]
    assert pip(venv, args, check=True)[1] == []


def test_a_run_of_pip_that_changed_nothing_is_no_change(venv: Path) -> None:
    assert pip(venv, {"name": "six", "state": "latest"})[0]["changed"] is False
    assert pip(venv, {"name": "six", "state": "latest"}, after="six==1.17\n")[0]["changed"] is True


def test_what_is_absent_already(venv: Path) -> None:
    assert pip(venv, {"name": "requests", "state": "absent"})[0]["changed"] is False


def test_a_requirements_file_of_plain_names_is_compared_here(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("# all\nsix==1.16.0  # why\nPyYAML\n")
    assert pip(venv, {"requirements": str(tmp_path / "r.txt")})[0]["changed"] is False
    (tmp_path / "r.txt").write_text("six==1.16.0 ; python_version > '3'\n")
    assert len(pip(venv, {"requirements": str(tmp_path / "r.txt")})[1]) == 1


def test_an_environment_that_is_not_there_is_made_first(tmp_path: Path) -> None:
    result, lines = pip(tmp_path / "new", {"name": "six", "virtualenv_command": "python3 -m venv"})
    assert lines[0] == "/bin/python3 -m venv VENV" and result["changed"] is True
    _, lines = pip(
        tmp_path / "new", {"name": "six", "virtualenv_site_packages": True, "virtualenv_python": "python3.11"}
    )
    assert lines[0] == "/bin/virtualenv --system-site-packages -p python3.11 VENV"
    _, lines = pip(
        tmp_path / "new", {"name": "six", "virtualenv_python": "/usr/bin/python3.11"}, missing=["virtualenv"]
    )
    assert lines[0] == "/usr/bin/python3.11 -m venv VENV"


def test_what_pip_says_when_it_fails(venv: Path) -> None:
    rule = ("pip install", printed("", 1, "ERROR: no\nERROR: No matching distribution found for x\n"))
    result, _ = pip(venv, {"name": "x"}, rules=[rule])
    assert (result["failed"], result["msg"]) == (True, "ERROR: No matching distribution found for x")


@pytest.mark.parametrize(
    ("version", "rule", "fits"),
    [
        ("1.16.0", "==1.16", True),
        ("1.16.0", "==1.*", True),
        ("1.16.0", "!=1.*", False),
        ("1.10", ">1.9", True),
        ("1.10", "<1.9", False),
        ("1.10", "<=1.10.0", True),
        ("1.4.5", "~=1.4.2", True),
        ("1.5.0", "~=1.4.2", False),
        ("2.0rc1", ">=1", False),
        ("2.0rc1", "==2.0rc1", True),
        ("1.0", "===1.0", True),
        ("1.0", "rubbish", False),
    ],
)
def test_rules_about_versions(version: str, rule: str, fits: bool) -> None:
    assert _fits(version, rule) is fits


def test_names_that_a_comma_tore_apart() -> None:
    assert _joined(["a>=1", "<2", "b", "!=3"]) == ["a>=1,<2", "b,!=3"]


def test_a_version_for_several_names_or_with_latest_is_refused(venv: Path) -> None:
    assert "ambiguous" in pip(venv, {"name": ["a", "b"], "version": "1"})[0]["msg"]
    assert "incompatible" in pip(venv, {"name": "a", "version": "1", "state": "latest"})[0]["msg"]
