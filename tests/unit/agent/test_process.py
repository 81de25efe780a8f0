"""The door to programs, with a program that is no process: two pipes and a number stand for it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.agent import process as process_module
from provision.agent.errors import Failed, Stopped
from provision.agent.process import Command, Completed, Processes, quoted, words
from provision.agent.stop import Stop

PID = 4_000_000  # larger than any process id, so that a mistake here hits nobody


class Program:
    """What subprocess.Popen gives; `life` is what the program does, in a thread of its own."""

    def __init__(self, life: Callable[[Program], int], signals: list[int]) -> None:
        self.life, self.signals, self.pid = life, signals, PID
        self.options: dict[str, Any] = {}
        self.returncode: int | None = None
        self.ended, self.asked = threading.Event(), threading.Event()

    def __call__(self, argv: list[str], **options: Any) -> Program:
        self.argv, self.options, self.mask = argv, options, os.umask(0o022)
        os.umask(self.mask)
        out, self.out = os.pipe()
        err, self.err = os.pipe()
        self.stdout, self.stderr = os.fdopen(out, "rb", 0), os.fdopen(err, "rb", 0)
        self.stdin, self.input = None, -1
        if options["stdin"] == subprocess.PIPE:
            self.input, given = os.pipe()
            self.stdin = os.fdopen(given, "wb", 0)
        threading.Thread(target=self._live, daemon=True).start()
        return self

    def _live(self) -> None:
        code = self.life(self)
        self.returncode = -self.signals[-1] if self.signals and code == 0 else code
        self.close()
        self.ended.set()

    def close(self) -> None:
        """Let go of the pipes, as the kernel does when a process ends."""
        for fd in {self.out, self.err, self.input} - {-1}:
            os.close(fd)
        self.out = self.err = self.input = -1

    def say(self, text: str, stream: str = "out") -> None:
        os.write(getattr(self, stream), text.encode())

    def read_all(self) -> bytes:
        pieces = []
        while piece := os.read(self.input, 65536):
            pieces.append(piece)
        return b"".join(pieces)

    def wait(self) -> int:
        self.ended.wait(10)
        assert self.returncode is not None
        return self.returncode

    def poll(self) -> int | None:
        return self.returncode if self.ended.is_set() else None


Life = Callable[[Program], int]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Life], Program]]:
    def make(life: Life) -> Program:
        program = Program(life, [])

        def kill(pid: int, number: int) -> None:
            assert pid == PID
            program.signals.append(number)
            program.asked.set()

        monkeypatch.setattr(process_module.subprocess, "Popen", program)
        monkeypatch.setattr(process_module.os, "killpg", kill)
        return program

    yield make


def run(*argv: str, stop: Stop | None = None, on_output: Any = None, **options: Any) -> Completed:
    return Processes().run(Command(argv or ("x",), **options), stop or Stop(), on_output)


def test_what_it_printed_and_how_it_ended(start: Callable[[Life], Program]) -> None:
    def life(program: Program) -> int:
        program.say("to stdout\n")
        program.say("to stderr\n", "err")
        return 3

    start(life)
    assert run() == Completed(3, "to stdout\n", "to stderr\n")


def test_output_is_handed_on_while_it_comes(start: Callable[[Life], Program]) -> None:
    seen: list[tuple[str, bytes]] = []
    heard = threading.Event()

    def hear(stream: str, data: bytes) -> None:
        seen.append((stream, data))
        heard.set()

    def life(program: Program) -> int:
        program.say("first")
        assert heard.wait(5), "the first line has to be told before the program ends"
        program.say("second", "err")
        return 0

    start(life)
    assert run(on_output=hear).stdout == "first"
    assert seen == [("stdout", b"first"), ("stderr", b"second")]


def test_it_gets_a_session_of_its_own_and_nothing_to_read(start: Callable[[Life], Program]) -> None:
    program = start(lambda program: 0)
    run("ls", "-l", cwd="/srv")
    assert (program.argv, program.options["cwd"], program.options["env"]) == (["ls", "-l"], "/srv", None)
    assert program.options["stdin"] == subprocess.DEVNULL and program.options["start_new_session"] is True
    assert program.signals == []


def test_its_environment_is_the_one_that_is_given(start: Callable[[Life], Program]) -> None:
    program = start(lambda program: 0)
    run(environment={"A": "1"})
    assert program.options["env"] == {"A": "1"}


def test_what_it_reads_may_be_larger_than_a_pipe(start: Callable[[Life], Program]) -> None:
    data = bytes(range(256)) * 4096
    got: list[bytes] = []

    def life(program: Program) -> int:
        got.append(program.read_all())
        return 0

    start(life)
    assert run(stdin=data).rc == 0
    assert got == [data]


def test_a_program_that_does_not_read_what_it_gets_is_no_trouble(start: Callable[[Life], Program]) -> None:
    def life(program: Program) -> int:
        os.close(program.input)
        program.input = -1
        program.say("done")
        return 0

    start(life)
    assert run(stdin=b"x" * 1_000_000) == Completed(0, "done", "")


def test_an_empty_stdin_ends_at_once(start: Callable[[Life], Program]) -> None:
    got: list[bytes] = []

    def life(program: Program) -> int:
        got.append(program.read_all())
        return 0

    start(life)
    run(stdin=b"")
    assert got == [b""]


def test_the_umask_is_set_for_the_start_alone(start: Callable[[Life], Program]) -> None:
    before = os.umask(0o022)
    os.umask(before)
    program = start(lambda program: 0)
    run(umask=0o077)
    assert program.mask == 0o077
    after = os.umask(before)
    assert after == before


def test_the_umask_comes_back_when_the_start_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> Any:
        raise FileNotFoundError(2, "No such file or directory", "x")

    monkeypatch.setattr(process_module.subprocess, "Popen", refuse)
    before = os.umask(0o022)
    with pytest.raises(Failed):
        run(umask=0o077)
    assert os.umask(before) == 0o022


@pytest.mark.parametrize(
    ("error", "rc"),
    [
        (FileNotFoundError(2, "No such file or directory", "x"), 2),
        (PermissionError(13, "Permission denied", "x"), 13),
        (ValueError("embedded null byte"), 257),
    ],
)
def test_what_cannot_be_started_is_told_with_ansibles_number(
    monkeypatch: pytest.MonkeyPatch, error: Exception, rc: int
) -> None:
    def refuse(*args: Any, **options: Any) -> Any:
        raise error

    monkeypatch.setattr(process_module.subprocess, "Popen", refuse)
    with pytest.raises(Failed) as failed:
        run("x", "-v")
    assert failed.value.result() == {
        "failed": True,
        "changed": False,
        "msg": str(error),
        "rc": rc,
        "stdout": "",
        "stderr": "",
        "cmd": ["x", "-v"],
    }


def test_stopping_asks_the_whole_group_to_end_and_then_makes_sure(start: Callable[[Life], Program]) -> None:
    stop = Stop()

    def life(program: Program) -> int:
        program.say("begun")
        stop.now("cancelled")
        assert program.asked.wait(5)
        return 0

    program = start(life)
    with pytest.raises(Stopped, match="cancelled"):
        run(stop=stop)
    assert program.signals == [signal.SIGTERM, signal.SIGKILL]


def test_what_does_not_listen_is_killed(start: Callable[[Life], Program], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "GRACE_S", 0.05)
    stop, heard = Stop(), threading.Event()
    alive_when_killed: list[bool] = []

    def life(program: Program) -> int:
        program.say("deaf")
        assert heard.wait(5)
        time.sleep(0.02)  # by now it is waited for without a limit
        stop.now("time is up")
        end = time.monotonic() + 3
        while signal.SIGKILL not in program.signals and time.monotonic() < end:
            time.sleep(0.01)
        alive_when_killed.append(signal.SIGKILL in program.signals)
        return 0

    program = start(life)
    with pytest.raises(Stopped, match="time is up"):
        run(stop=stop, on_output=lambda stream, data: heard.set())
    assert program.signals[0] == signal.SIGTERM and alive_when_killed == [True]


def test_what_was_stopped_before_it_began_is_ended_at_once(start: Callable[[Life], Program]) -> None:
    stop = Stop()
    stop.now("gone")

    def life(program: Program) -> int:
        assert program.asked.wait(5)
        return 0

    program = start(life)
    with pytest.raises(Stopped, match="gone"):
        run(stop=stop)
    assert program.signals[0] == signal.SIGTERM


def test_a_group_that_has_just_ended_or_is_anothers_is_no_trouble(
    start: Callable[[Life], Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    for error in (ProcessLookupError, PermissionError):
        stop = Stop()

        def life(program: Program, stop: Stop = stop) -> int:
            stop.now("cancelled")
            return 0

        start(life)

        def refuse(pid: int, number: int, error: type[OSError] = error) -> None:
            raise error

        monkeypatch.setattr(process_module.os, "killpg", refuse)
        with pytest.raises(Stopped, match="cancelled"):
            run(stop=stop)


def test_it_does_not_wait_for_a_descendant_that_keeps_the_pipes(
    start: Callable[[Life], Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "DRAIN_IDLE_S", 0.02)
    kept: list[int] = []

    def life(program: Program) -> int:
        kept.append(os.dup(program.out))
        program.say("the daemon is started\n")
        return 0

    start(life)
    begun = time.monotonic()
    assert run() == Completed(0, "the daemon is started\n", "")
    assert time.monotonic() - begun < process_module.DRAIN_MOST_S / 2
    os.close(kept[0])


def test_a_descendant_that_prints_on_and_on_is_left_after_a_while(
    start: Callable[[Life], Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "DRAIN_MOST_S", 0.1)
    done = threading.Event()

    def chatter(fd: int) -> None:
        while not done.wait(0.01):
            os.write(fd, b".")
        os.close(fd)

    def life(program: Program) -> int:
        threading.Thread(target=chatter, args=(os.dup(program.out),), daemon=True).start()
        return 7

    program = start(life)
    kept: list[Any] = []
    real = process_module._Running.close

    def close(self: Any) -> None:
        done.set()  # the pipe's reader goes: without it, writing would be a broken pipe
        kept.append(self)
        real(self)

    monkeypatch.setattr(process_module._Running, "close", close)
    completed = run()
    assert completed.rc == 7 and set(completed.stdout) == {"."}
    assert program.ended.is_set() and len(kept) == 1


def test_an_error_on_our_side_kills_what_runs(start: Callable[[Life], Program]) -> None:
    def fault(stream: str, data: bytes) -> None:
        raise RuntimeError("our fault")

    def life(program: Program) -> int:
        program.say("x")
        assert program.asked.wait(5)
        return 0

    program = start(life)
    with pytest.raises(RuntimeError, match="our fault"):
        run(on_output=fault)
    assert program.signals == [signal.SIGKILL] and program.stdout.closed and program.stderr.closed


def test_no_file_descriptor_is_left_open(start: Callable[[Life], Program]) -> None:
    start(lambda program: 0)
    run()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        start(lambda program: 0)
        run(stdin=b"")
    assert len(os.listdir("/proc/self/fd")) == before


def test_nobody_is_called_any_more_once_it_is_over(start: Callable[[Life], Program]) -> None:
    stop = Stop()
    program = start(lambda program: 0)
    run(stop=stop)
    stop.now("late")
    assert program.signals == []


def test_programs_are_found_where_login_users_do_not_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sbin = tmp_path / "sbin"
    sbin.mkdir()
    for name, mode in (("useradd", 0o755), ("notes", 0o644)):
        (sbin / name).touch(mode)
    (sbin / "folder").mkdir()
    monkeypatch.setenv("PATH", "/nowhere::")
    monkeypatch.setattr(process_module, "_SYSTEM_PATH", str(sbin))
    find = Processes().find
    assert find("useradd") == str(sbin / "useradd")
    assert find("notes") == find("folder") == find("nothing") == ""
    assert find(str(sbin / "useradd")) == str(sbin / "useradd")
    assert find(str(sbin / "notes")) == find("./nothing") == ""


def test_the_users_own_path_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool").touch(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/one")
    monkeypatch.setattr(process_module, "_SYSTEM_PATH", f"{tmp_path}/two")
    assert Processes().find("tool") == f"{tmp_path}/one/tool"


def test_a_detached_program_gets_its_work_and_is_nobodys_child(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program(lambda program: 0, [])
    got: list[bytes] = []

    def life(program: Program) -> int:
        got.append(program.read_all())
        return 0

    program.life = life
    monkeypatch.setattr(process_module.subprocess, "Popen", program)
    assert Processes().detach(["agent", "job"], b"frames") == PID
    assert program.ended.wait(5) and got == [b"frames"]
    assert program.options["start_new_session"] is True
    assert program.options["stdout"] == program.options["stderr"] == subprocess.DEVNULL
    for pipe in (program.stdout, program.stderr):
        pipe.close()


@pytest.mark.parametrize(
    ("argv", "line"),
    [(["ls", "-l"], "ls -l"), (["echo", "two words", "it's"], """echo 'two words' 'it'"'"'s'"""), (["x", ""], "x ''")],
)
def test_command_lines_for_people_can_be_pasted(argv: list[str], line: str) -> None:
    assert quoted(argv) == line and words(line) == argv
