"""A built wheel works outside the checkout, with the playbooks, templates and inventories in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A virtual environment with nothing but the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("wheel")
    # A copy: setuptools leaves a build folder behind, and would take stale files out of an old one.
    ignored = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "tests")
    source = shutil.copytree(CHECKOUT, folder / "source", ignore=ignored)
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(source), cwd=folder)
    run(sys.executable, "-m", "venv", str(folder / "venv"), cwd=folder)
    wheel = next(folder.glob("provision-*.whl"))
    run(str(folder / "venv/bin/pip"), "install", "-q", str(wheel), cwd=folder)
    yield folder / "venv"


def test_every_shipped_file_is_in_it(venv: Path) -> None:
    code = "from provision import shipped; print(shipped.folder('playbooks').parent)"
    inside = Path(run(str(venv / "bin/python"), "-c", code, cwd=venv).strip())
    assert venv in inside.parents
    for name in ("playbooks", "templates", "inventories"):
        files = {path.relative_to(CHECKOUT) for path in (CHECKOUT / name).rglob("*") if path.is_file()}
        wanted = {path for path in files if "__pycache__" not in path.parts}
        assert wanted and not {path for path in wanted if not (inside / path).is_file()}


def test_it_reads_its_own_playbook_and_knows_every_verb(venv: Path) -> None:
    command = str(venv / "bin/provision")
    assert "create-vm" in run(command, "--help", cwd=venv)
    code = "from provision import shipped; print(shipped.folder('playbooks') / 'deploy-native.yml')"
    playbook = run(str(venv / "bin/python"), "-c", code, cwd=venv).strip()
    listed = run(command, "play", playbook, "-i", "tts-1,", "-e", "moshi_hosts=all", "--list-tasks", cwd=venv)
    assert "Wait for a real synthesis" in listed
