"""pip, what is told without it: requirements files of plain lines, what an environment's own Python lists, absence."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from provision.agent.modules.pip import _LIST, _satisfied
from provision.agent.process import Command, Completed
from tests.unit.agent.fakes import FakeProcesses, a_target, printed, run

HAS = "six==1.16.0\nPyYAML==6.0.1\nuvicorn==0.30.0\nzope.interface==5.0\n"


class Machine(FakeProcesses):
    """A Python with packages; what pip is told to do happens at once."""

    def __init__(self, listing: str = HAS, after: str | None = None, **settings: Any) -> None:
        super().__init__(
            *settings.pop("rules", ()),
            ("--version", printed("pip 23.0")),
            ("importlib.metadata", self._list),
            ("list --format=freeze", self._list),
            ("", self._act),
            **settings,
        )
        self._listing, self._after = listing, after

    def _list(self, command: Command) -> Completed:
        return printed(self._listing)

    def _act(self, command: Command) -> Completed:
        self._listing = self._listing if self._after is None else self._after
        return printed("done\n")

    @property
    def work(self) -> list[str]:
        """The command lines that are not questions."""
        questions = ("importlib.metadata", "list --format=freeze", "--version")
        return [line for line in self.lines if not any(word in line for word in questions)]


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").touch()
    return tmp_path / "venv"


def required(venv: Path, text: str, machine: Machine | None = None, **args: Any) -> tuple[dict[str, Any], list[str]]:
    """A task with a requirements file of that text."""
    path = venv.parent / "requirements.txt"
    path.write_text(text)
    machine = machine or Machine()
    check = args.pop("check", False)
    result = run("pip", {"virtualenv": str(venv), "requirements": str(path), **args}, a_target(machine, check=check))
    return result, [line.partition(" -m pip ")[2].replace(str(path), "FILE") for line in machine.work]


@pytest.mark.parametrize(
    "text",
    [
        "six\n",
        "six==1.16.0\nPyYAML\n",
        "# a remark\n\nsix>=1.10,<2\n   # another\n",
        "six==1.16.0  # why this one\n",
        "  pyyaml ~= 6.0  \n",
        "Zope_Interface==5.0\n",
        "six!=1.15\r\nPyYAML\r\n",
    ],
)
@pytest.mark.parametrize("check", [False, True])
def test_a_requirements_file_that_is_fulfilled_starts_no_pip(venv: Path, text: str, check: bool) -> None:
    result, lines = required(venv, text, check=check)
    assert (result["changed"], lines) == (False, [])
    assert result["cmd"][-2:] == ["-r", str(venv.parent / "requirements.txt")]
    assert result["requirements"] == str(venv.parent / "requirements.txt") and result["name"] is None


@pytest.mark.parametrize(
    "text",
    [
        "six==1.15.0\n",
        "six\nrequests\n",
        "six ; python_version > '3'\n",
        "six @ file:///srv/six\n",
        "https://example.org/six.whl\n",
        "-r more.txt\n",
        "-c limits.txt\nsix\n",
        "--index-url https://example.org/simple\nsix\n",
        "-e .\n",
        "./six\n",
        "six==1.16.0 \\\n    --hash=sha256:00\n",
        "six==1.16.0 --hash=sha256:00\n",
        "six==${VERSION}\n",
        "uvicorn[standard]\n",
        "uvicorn[standard]==0.30.0\n",
        "",
        "# nothing but a remark\n",
    ],
)
def test_a_requirements_file_that_only_pip_understands_is_given_to_pip(venv: Path, text: str) -> None:
    result, lines = required(venv, text)
    assert lines == ["install -r FILE"]
    assert result["changed"] is False, "pip found nothing to do"


def test_check_mode_starts_no_pip_for_a_file_that_only_pip_understands(venv: Path) -> None:
    result, lines = required(venv, "-r more.txt\n", check=True)
    assert (result["changed"], lines) == (True, [])


def test_what_pip_did_with_a_requirements_file_is_a_change_and_the_second_run_is_none(venv: Path) -> None:
    machine = Machine(after=HAS + "requests==2.32.0\n")
    first, _ = required(venv, "six\nrequests>=2\n", machine)
    started = len(machine.work)
    second, _ = required(venv, "six\nrequests>=2\n", machine)
    assert (first["changed"], second["changed"]) == (True, False)
    assert (started, len(machine.work)) == (1, 1)


def test_a_requirements_file_that_is_no_text_or_not_there_is_left_to_pip(venv: Path) -> None:
    (venv.parent / "binary.txt").write_bytes(b"six\xff\n")
    for name in ("binary.txt", "nothing.txt"):
        machine = Machine(rules=[("install -r", printed("", 1, f"ERROR: {name} is no use\n"))])
        args = {"virtualenv": str(venv), "requirements": str(venv.parent / name)}
        result = run("pip", args, a_target(machine))
        assert result["failed"] and result["msg"] == f"ERROR: {name} is no use"


def test_a_requirements_file_is_looked_for_in_the_folder_of_the_task(venv: Path) -> None:
    (venv.parent / "r.txt").write_text("six\n")
    machine = Machine()
    args = {"virtualenv": str(venv), "requirements": "r.txt", "chdir": str(venv.parent)}
    assert run("pip", args, a_target(machine))["changed"] is False
    assert machine.work == []
    (venv.parent / "r.txt").write_text("requests\n")
    run("pip", args, a_target(machine))
    assert machine.started[-1].cwd == str(venv.parent) and machine.work[-1].endswith("install -r r.txt")


@pytest.mark.parametrize("state", ["latest", "forcereinstall"])
def test_a_fulfilled_requirements_file_does_not_answer_what_is_the_latest(venv: Path, state: str) -> None:
    assert len(required(venv, "six\n", state=state)[1]) == 1


@pytest.mark.parametrize("args", [{"extra_args": "--upgrade"}, {"extra_args": "-c limits.txt"}, {"editable": True}])
def test_options_for_pip_leave_the_question_to_pip(venv: Path, args: dict[str, Any]) -> None:
    machine = Machine(after=HAS.replace("1.16.0", "1.17.0"))
    result = run("pip", {"virtualenv": str(venv), "name": "six", **args}, a_target(machine))
    assert len(machine.work) == 1 and result["changed"] is True


@pytest.mark.parametrize(
    ("names", "gone"),
    [
        ("requests", True),
        ("requests==2.0", True),
        ("six", False),
        ("Six", False),
        ("six==1.15.0", False),
        ("uvicorn[standard]", False),
        ("zope-interface", False),
        (["requests", "six"], False),
        (["requests", "flask"], True),
    ],
)
def test_a_package_is_taken_away_whatever_its_version_is(venv: Path, names: Any, gone: bool) -> None:
    machine = Machine(after="")
    args = {"virtualenv": str(venv), "name": names, "state": "absent"}
    foretold = run("pip", args, a_target(machine, check=True))
    assert machine.work == []
    result = run("pip", args, a_target(machine))
    assert foretold["changed"] is result["changed"] is (not gone)
    words = [names] if isinstance(names, str) else names
    wanted = [] if gone else [f"{venv}/bin/python -m pip uninstall -y {' '.join(words)}"]
    assert machine.work == wanted
    assert run("pip", args, a_target(machine))["changed"] is False
    assert machine.work == wanted


def test_absence_of_a_requirements_file_is_compared_by_name_as_well(venv: Path) -> None:
    result, lines = required(venv, "requests==2\nflask\n", state="absent")
    assert (result["changed"], lines) == (False, [])
    assert required(venv, "requests\nsix==9\n", state="absent")[1] == ["uninstall -y -r FILE"]


@pytest.mark.parametrize(
    ("wish", "fulfilled"),
    [
        ("six", True),
        ("six == 1.16.0", True),
        ("six>=1.15,!=1.16.1", True),
        ("six>=1.15,!=1.16.0", False),
        ("six,", True),
        ("uvicorn[standard]", False),
        ("git+https://example.org/six", False),
        ("six@https://example.org/six.whl", False),
        (".", False),
        ("six; python_version > '3'", False),
    ],
)
def test_only_names_and_plain_versions_can_be_told_here(wish: str, fulfilled: bool) -> None:
    assert _satisfied(wish, {"six": "1.16.0", "uvicorn": "0.30.0"}) is fulfilled


def test_extras_are_left_to_pip_for_a_package_that_is_there(venv: Path) -> None:
    machine = Machine()
    result = run("pip", {"virtualenv": str(venv), "name": "uvicorn[standard]"}, a_target(machine))
    assert machine.work == [f"{venv}/bin/python -m pip install uvicorn[standard]"] and result["changed"] is False


def test_the_environments_own_package_hides_the_systems(venv: Path) -> None:
    twice = "six==1.16.0\nPyYAML==6.0.1\nsix==1.14.0\n"
    for name, work in (("six==1.16.0", 0), ("six==1.14.0", 1)):
        machine = Machine(twice)
        run("pip", {"virtualenv": str(venv), "name": name}, a_target(machine))
        assert len(machine.work) == work, name


def test_the_environments_python_is_asked_and_not_its_slow_pip(venv: Path) -> None:
    machine = Machine()
    run("pip", {"virtualenv": str(venv), "name": "six"}, a_target(machine))
    assert [list(command.argv) for command in machine.started] == [[f"{venv}/bin/python", "-c", _LIST]]


def test_the_listing_is_a_program_that_names_what_is_installed() -> None:
    output = io.StringIO()
    with redirect_stdout(output):
        exec(compile(_LIST, "list", "exec"), {})
    assert f"pytest=={metadata.version('pytest')}" in output.getvalue().splitlines()


def test_a_python_that_cannot_list_fails_the_task(venv: Path) -> None:
    machine = Machine(rules=[("importlib.metadata", printed("", 1, "Traceback\nModuleNotFoundError: importlib\n"))])
    result = run("pip", {"virtualenv": str(venv), "name": "six"}, a_target(machine))
    assert result["failed"] and result["msg"] == "ModuleNotFoundError: importlib" and machine.work == []


@pytest.mark.parametrize(
    ("args", "settings", "program"),
    [
        ({}, {}, f"{sys.executable} -m pip"),
        ({}, {"rules": [("--version", printed(rc=1))]}, "/bin/pip3"),
        ({"executable": "pip3.11"}, {}, "/bin/pip3.11"),
        ({"executable": "/opt/bin/pip"}, {}, "/opt/bin/pip"),
    ],
)
def test_whose_pip_it_is_without_an_environment(args: dict[str, Any], settings: Any, program: str) -> None:
    machine = Machine(after=HAS + "x==1\n", **settings)
    result = run("pip", {"name": "x", **args}, a_target(machine))
    assert machine.work == [f"{program} install x"] and result["changed"] is True
    assert run("pip", {"name": "x", **args}, a_target(machine))["changed"] is False


def test_a_machine_without_pip_is_told() -> None:
    machine = Machine(rules=[("--version", printed(rc=1))], missing=["pip3"])
    result = run("pip", {"name": "x"}, a_target(machine))
    assert result["failed"] and 'required executable "pip3"' in result["msg"]


def test_umask_and_language_are_those_of_the_task(venv: Path) -> None:
    machine = Machine()
    run("pip", {"virtualenv": str(venv), "name": "x", "umask": "0077"}, a_target(machine))
    pip = next(command for command in machine.started if "install" in command.argv)
    assert pip.umask == 0o077 and (pip.environment or {})["LC_ALL"] == "C.UTF-8"
    run("pip", {"virtualenv": str(venv), "name": "x"}, a_target(machine))
    assert [command for command in machine.started if "install" in command.argv][-1].umask == -1


def test_check_mode_makes_no_environment(tmp_path: Path) -> None:
    machine = Machine()
    result = run("pip", {"virtualenv": str(tmp_path / "new"), "name": "six"}, a_target(machine, check=True))
    assert (result["changed"], machine.started) == (True, [])


def test_an_environment_that_cannot_be_made_ends_the_task_before_pip(tmp_path: Path) -> None:
    machine = Machine(rules=[("virtualenv", printed("", 1, "no space left\n"))])
    result = run("pip", {"virtualenv": str(tmp_path / "new"), "name": "six"}, a_target(machine))
    assert result["failed"] and result["msg"] == "no space left" and len(machine.work) == 1


def test_a_tool_for_environments_that_is_not_there_is_told(tmp_path: Path) -> None:
    args = {"virtualenv": str(tmp_path / "new"), "name": "six", "virtualenv_command": "python3.12 -m venv"}
    result = run("pip", args, a_target(Machine(missing=["python3.12"])))
    assert result["msg"] == 'Failed to find required executable "python3.12"'


def test_a_package_from_an_address_counts_as_changed_when_pip_installed_it(venv: Path) -> None:
    args = {"virtualenv": str(venv), "name": "git+https://example.org/six"}
    for told, changed in (("Successfully installed six-1.16.0\n", True), ("Requirement already satisfied\n", False)):
        machine = Machine(rules=[("pip install", printed(told))])
        assert run("pip", args, a_target(machine))["changed"] is changed
