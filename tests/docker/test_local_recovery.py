"""A process that dies while it makes a machine: what the next one finds and mends, on real containers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.local import image, serve
from provision.local.docker_engine import connect
from provision.settings import Folders
from tests.docker.local_machines import ZONE, Operator, Refused, eventually
from tests.docker.test_local_machines import left_of

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

VICTIM = """
import sys, time, threading
from pathlib import Path
from provision.local import serve
from provision.settings import Folders
from tests.docker.local_machines import Operator
root = Path(sys.argv[1])
with serve(Folders(root / "state", root / "cache", root / "config")) as cloud:
    if sys.argv[2] == "slow":
        cloud.order_fault("slow-boot", seconds=60)
    operator = Operator(cloud, root)
    maker = threading.Thread(target=operator.create, args=("victim",), daemon=True)
    maker.start()
    print("begun", flush=True)
    maker.join(300)
    print("made", flush=True)
    time.sleep(300)
"""


@pytest.fixture(scope="module", autouse=True)
def docker() -> None:
    try:
        connect().close()
    except ProvisionError as problem:
        pytest.skip(f"{problem.what}: {problem.why}")


@contextmanager
def started(folder: Path, how: str) -> Iterator[subprocess.Popen[str]]:
    """A process that makes a machine in that folder's cloud; it has begun."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", VICTIM, str(folder), how]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            yield process
        finally:
            process.kill()


def test_a_process_killed_before_the_boot_leaves_nothing_after_the_next_start(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "state", tmp_path / "cache", tmp_path / "config")
    with started(tmp_path, "slow") as victim, serve(folders) as cloud:
        operator = Operator(cloud, tmp_path)

        def booting() -> bool:
            operations = operator.api("GET", f"zones/{ZONE}/operations").get("items", [])
            return any(operation.get("progress", 0) >= 85 for operation in operations)

        assert eventually(booting, 300)
        victim.kill()
        victim.wait(10)
        (operation,) = operator.api("GET", f"zones/{ZONE}/operations")["items"]
        mended = operator.api("POST", f"zones/{ZONE}/operations/{operation['name']}/wait")
        assert "ended before it was done" in mended["error"]["errors"][0]["message"]
        with pytest.raises(Refused, match="was not found"):
            operator.machine("victim")
        assert left_of(cloud) == []
        operator.create("victim")
        assert operator.machine("victim").status == "RUNNING"
        operator.do("DELETE", f"zones/{ZONE}/instances/victim")
        assert left_of(cloud) == []


def test_a_machine_outlives_the_process_that_made_it(tmp_path: Path) -> None:
    with started(tmp_path, "normally") as maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "made\n"
    with serve(Folders(tmp_path / "state", tmp_path / "cache", tmp_path / "config")) as cloud:
        operator = Operator(cloud, tmp_path)
        operator.open_port("ssh", 22)
        machine = operator.machine("victim")
        machine.arrive()
        assert machine.run("id -un") == "operator"
        cloud.machines.remove_everything()
        assert left_of(cloud) == []


def test_an_interrupted_build_ends_its_program_at_once(tmp_path: Path) -> None:
    closing = threading.Event()
    threading.Timer(0.5, closing.set).start()
    begun = time.monotonic()
    with pytest.raises(ProvisionError, match="interrupted"):
        image._run(["sh", "-c", "sleep 77.25 & sleep 77.25"], tmp_path / "log", closing)
    assert time.monotonic() - begun < 5
    assert eventually(lambda: not _sleepers(), 3)


def _sleepers() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", b"77.25"]:
            found.append(path.parent.name)
    return found


def test_a_build_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "BUILD_S", 0.3)
    with pytest.raises(ProvisionError, match="no image after"):
        image._run(["sleep", "77.5"], tmp_path / "log", threading.Event())


def test_a_program_says_how_it_ended_and_what_it_told(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert image._run(["sh", "-c", "echo out; echo err >&2; exit 3"], log, threading.Event()) == 3
    assert log.read_text().split() == ["out", "err"]


def test_ctrl_c_while_a_machine_is_made_ends_soon(tmp_path: Path) -> None:
    with started(tmp_path, "slow") as victim:
        time.sleep(1)
        victim.send_signal(signal.SIGINT)
        assert victim.wait(30) != 0
    with serve(Folders(tmp_path / "state", tmp_path / "cache", tmp_path / "config")) as cloud:
        eventually(lambda: not left_of(cloud), 20)
        cloud.machines.remove_everything()
        assert left_of(cloud) == []
