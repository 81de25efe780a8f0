"""One run and its result, without a wire: environment, stopping, faults; and background jobs from both ends."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.agent import boot, jobs, main, wire
from provision.agent.contents import Wanted
from provision.agent.errors import Failed, Stopped
from provision.agent.main import Outbox, hello, run_module
from provision.agent.modules import async_status, ping
from provision.agent.target import Target, Wire
from provision.agent.wire import Blob
from tests.unit.agent.fakes import FakeProcesses, a_target, offered, printed, run


def result_of(module: str, args: dict[str, Any] | None = None, target: Target | None = None, **more: Any) -> Any:
    return run_module({"id": 1, "module": module, "args": args or {}, **more}, target or a_target())


def pretend(monkeypatch: pytest.MonkeyPatch, look: Any) -> None:
    """The module ping looks like this."""
    monkeypatch.setattr(ping, "look", look)
    monkeypatch.delattr(ping, "report", raising=False)


def raising(error: BaseException) -> Any:
    def look(args: Any, target: Any) -> Any:
        raise error

    return look


@pytest.mark.parametrize(
    ("error", "msg", "trace"),
    [
        (Failed("not like this", rc=3), "not like this", False),
        (PermissionError(13, "Permission denied", "/etc/x"), "[Errno 13] Permission denied: '/etc/x'", True),
        (KeyError("name"), "the module has a fault: KeyError: 'name'", True),
        (RecursionError("deep"), "the module has a fault: RecursionError: deep", True),
    ],
)
def test_whatever_goes_wrong_is_a_failed_result(
    monkeypatch: pytest.MonkeyPatch, error: Exception, msg: str, trace: bool
) -> None:
    pretend(monkeypatch, raising(error))
    result = result_of("ping")
    assert (result["failed"], result["changed"], result["msg"]) == (True, False, msg)
    assert ("exception" in result) is trace
    assert result.get("rc") == (3 if isinstance(error, Failed) else None)


@pytest.mark.parametrize("error", [Stopped("cancelled"), KeyboardInterrupt()])
def test_what_stops_a_run_passes_through(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    pretend(monkeypatch, raising(error))
    with pytest.raises(type(error)):
        result_of("ping")


def test_the_environment_of_a_run_is_taken_back_even_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "before")
    monkeypatch.delenv("NEW", raising=False)
    seen: list[str] = []

    def look(args: Any, target: Any) -> Any:
        seen.extend([os.environ["KEPT"], os.environ["NEW"], os.environ["NUMBER"]])
        os.environ["NEW"] = "changed meanwhile"
        raise ValueError("x")

    pretend(monkeypatch, look)
    result_of("ping", environment={"KEPT": "during", "NEW": "1", "NUMBER": 7})
    assert seen == ["during", "1", "7"]
    assert os.environ["KEPT"] == "before" and "NEW" not in os.environ and "NUMBER" not in os.environ


def test_warnings_stand_in_the_result_beside_those_of_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    from provision.agent.change import Unchanged

    def look(args: Any, target: Any) -> Any:
        target.warn("from the target")
        return Unchanged({"warnings": ["from the module"]})

    pretend(monkeypatch, look)
    assert result_of("ping")["warnings"] == ["from the target", "from the module"]
    monkeypatch.undo()
    assert "warnings" not in result_of("ping")


@pytest.mark.parametrize(
    ("stdout", "lines"), [("", []), ("a", ["a"]), ("a\n\nb", ["a", "", "b"]), ("a\r\nb", ["a", "b"])]
)
def test_every_text_has_its_lines(stdout: str, lines: list[str]) -> None:
    target = a_target(FakeProcesses(("x", printed(stdout, 0, "warned"))))
    result = result_of("command", {"_raw_params": "x"}, target)
    assert (result["stdout_lines"], result["stderr_lines"]) == (lines, ["warned"])


def test_a_module_is_not_started_in_the_background_when_its_arguments_are_wrong(tmp_path: Path) -> None:
    processes = FakeProcesses()
    environment = {"ANSIBLE_ASYNC_DIR": str(tmp_path / "jobs")}
    result = result_of("command", {"rubbish": 1}, a_target(processes), async_s=10, environment=environment)
    assert result["failed"] and "Unsupported parameters" in result["msg"]
    assert processes.detached == [] and not (tmp_path / "jobs").exists()


def test_check_mode_starts_no_background_job(tmp_path: Path) -> None:
    processes = FakeProcesses()
    environment = {"ANSIBLE_ASYNC_DIR": str(tmp_path / "jobs")}
    args = {"_raw_params": "make"}
    result = result_of("command", args, a_target(processes, check=True), async_s=10, environment=environment)
    assert result["skipped"] is True and result["msg"] == "Command would have run if not in check mode"
    assert processes.detached == [] and not (tmp_path / "jobs").exists()


@pytest.mark.parametrize("module", ["command", "apt", "copy"])
def test_a_run_whose_time_is_up_is_told_by_its_modules_name(module: str) -> None:
    from provision.agent.stop import Stop

    stop = Stop()
    timer = main._timer(stop, 5, module)
    try:
        timer.function(*timer.args)
        wanted = f"The {module} action failed to execute in the expected time frame (5) and was terminated"
        assert stop.reason == wanted and timer.interval == 5 and timer.is_alive()
    finally:
        timer.cancel()


def test_without_a_limit_no_timer_runs() -> None:
    from provision.agent.stop import Stop

    assert main._timer(Stop(), 0, "command").ident is None, "it was started"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:
            pass


def frames(fd: int, count: int) -> list[Any]:
    return [wire.read_frame(lambda size: os.read(fd, size)) for _ in range(count)]


def test_frames_are_written_whole_where_a_pipe_takes_little_at_once(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(main.os, "write", lambda fd, data: real(fd, bytes(data)[:3]))
    outbox = Outbox(pipe[1])
    outbox.emit({"event": "result", "id": 1, "result": {"msg": "all of it"}})
    assert frames(pipe[0], 1) == [{"event": "result", "id": 1, "result": {"msg": "all of it"}}]


def test_a_broken_connection_is_noted_and_nothing_more_is_written(pipe: tuple[int, int]) -> None:
    outbox = Outbox(pipe[1])
    os.close(pipe[0])
    outbox.emit({"event": "out"})
    assert outbox.broken
    written: list[Any] = []
    outbox._write = written.append  # type: ignore[method-assign]
    outbox.send(Blob("00" * 32, 0, b"x"))
    assert len(written) == 1


def test_who_we_are_is_known_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 987654)
    monkeypatch.setenv("HOME", "/home/of-mine")
    told = hello()
    assert (told["event"], told["uid"], told["user"]) == ("hello", 987654, "987654")
    assert told["python"] == ".".join(map(str, sys.version_info[:3]))
    assert told["facts"]["user_dir"] == "/home/of-mine" and set(told["facts"]) == {
        "nodename",
        "kernel",
        "machine",
        "system",
        "user_dir",
    }


def test_the_wire_moves_away_from_what_children_inherit(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[tuple[int, int]] = []
    monkeypatch.setattr(main.os, "dup", lambda fd: fd + 100)
    monkeypatch.setattr(main.os, "dup2", lambda old, new: moved.append((old, new)))
    monkeypatch.setattr(main.os, "open", lambda path, flags: 50 if path == os.devnull else -1)
    monkeypatch.setattr(main.os, "close", lambda fd: None)
    places: list[str] = []
    monkeypatch.setattr(main.os, "chdir", places.append)
    monkeypatch.setattr(main.os, "access", lambda path, how: True)
    assert main._take_stdio() == (100, 101)
    assert moved == [(50, 0), (2, 1)] and places == []
    monkeypatch.setattr(main.os, "access", lambda path, how: False)
    main._take_stdio()
    assert places == ["/"]


def test_the_agent_is_either_a_conversation_or_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[Any] = []
    monkeypatch.setattr(main.jobs, "work", lambda path, module: did.append(("job", path, module)))
    monkeypatch.setattr(main.signal, "signal", lambda *args: did.append("signal"))
    monkeypatch.setattr(main, "_take_stdio", lambda: (5, 6))
    monkeypatch.setattr(main, "serve", lambda *fds: did.append(fds))
    monkeypatch.setattr(main.os, "_exit", lambda code: did.append(code))
    main.main(["job", "/x/j1"])
    assert did == [("job", "/x/j1", run_module)]
    main.main([])
    assert did[1:] == ["signal", (5, 6), 0]


# ---- background jobs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "folder"),
    [("", "/home/ann/.ansible_async"), ("/var/jobs", "/var/jobs"), ("~/jobs", "/home/ann/jobs")],
)
def test_where_jobs_leave_their_results(monkeypatch: pytest.MonkeyPatch, variable: str, folder: str) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("ANSIBLE_ASYNC_DIR", variable)
    assert jobs.folder() == folder


def test_results_are_left_whole_and_for_the_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "j1"
    jobs.write_result(str(path), {"started": 1})
    jobs.write_result(str(path), {"started": 1, "finished": 1})
    assert json.loads(path.read_text()) == {"started": 1, "finished": 1}
    assert path.stat().st_mode & 0o777 == 0o600 and [one.name for one in tmp_path.iterdir()] == ["j1"]


@pytest.mark.parametrize("text", ["", '{"started": 1, "fin', "\N{BLACK HEART SUIT}"])
def test_a_result_that_cannot_be_read_yet_is_a_job_that_has_begun(tmp_path: Path, text: str) -> None:
    (tmp_path / "j1").write_text(text)
    assert jobs.read_result(str(tmp_path / "j1")) == {"started": 1, "finished": 0}


def started(tmp_path: Path, target: Target, processes: FakeProcesses, args: dict[str, Any]) -> tuple[Any, list[Any]]:
    """A job's answer, and the frames that its process reads after its sources."""
    os.environ["ANSIBLE_ASYNC_DIR"] = str(tmp_path / "jobs")
    try:
        request = {"op": "run", "id": 3, "module": "copy", "args": args, "async_s": 30}
        result = jobs.start(request, target)
    finally:
        del os.environ["ANSIBLE_ASYNC_DIR"]
    data = processes.detached[0][1]
    payload = boot.bootstrap()[1]
    assert data.startswith(payload)
    rest = [data[len(payload) :]]

    def read(count: int) -> bytes:
        piece, rest[0] = rest[0][:count], rest[0][count:]
        return piece

    return result, list(iter(lambda: wire.read_frame(read), None))


def test_a_job_is_handed_its_contents_before_its_work(tmp_path: Path) -> None:
    data = b"ab" * 200_000
    reference, target = offered(data)
    processes = target._processes
    assert isinstance(processes, FakeProcesses)
    result, [*pieces, end, request] = started(tmp_path, target, processes, {"_content": reference, "dest": "/x"})
    assert b"".join(piece.data for piece in pieces) == data
    assert [piece.offset for piece in pieces] == [0, wire.CHUNK]
    assert end == {"op": "blob_end", "digest": reference["digest"]} and request["args"]["dest"] == "/x"
    argv = processes.detached[0][0]
    assert list(argv[:2]) == [sys.executable, "-u"] and list(argv[-2:]) == ["job", result["results_file"]]
    assert json.loads(Path(result["results_file"]).read_text())["finished"] == 0
    assert (tmp_path / "jobs").stat().st_mode & 0o777 == 0o700


def test_large_files_are_not_handed_to_jobs(tmp_path: Path) -> None:
    processes = FakeProcesses()
    args = {"_content": {"digest": "ab" * 32, "size": (1 << 20) + 1}}
    with pytest.raises(Failed, match="more than 1 MiB"):
        started(tmp_path, a_target(processes), processes, args)
    assert processes.detached == []


def work(monkeypatch: pytest.MonkeyPatch, path: Path, module: Any, *messages: Any, **request: Any) -> dict[str, Any]:
    """The life of a job whose module is a function."""
    blobs = [wire.encode_blob(one) if isinstance(one, Blob) else wire.encode(one) for one in messages]
    asked = {"op": "run", "module": "copy", "args": {}, "async_s": 60, "live": True, **request}
    buffer = bytearray(b"".join(blobs) + wire.encode(asked))

    def read(fd: int, count: int) -> bytes:
        piece = bytes(buffer[:count])
        del buffer[:count]
        return piece

    monkeypatch.setattr(jobs.os, "read", read)
    jobs.work(str(path), module)
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def test_a_job_whose_time_is_up_is_a_failed_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def module(request: Any, target: Target) -> dict[str, Any]:
        target.sleep(20)
        return {"changed": True}

    result = work(monkeypatch, tmp_path / "j1", module, async_s=0)
    assert (result["failed"], result["finished"], result["msg"]) == (True, 1, "Timeout exceeded")


def test_a_job_cannot_ask_the_controller(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def module(request: Any, target: Target) -> dict[str, Any]:
        try:
            target.read_content(Wanted("cd" * 32, 5))
        except Failed as failed:
            return failed.result()
        return {}

    result = work(monkeypatch, tmp_path / "j1", module)
    assert result["failed"] and "cannot ask the controller" in result["msg"] and result["finished"] == 1


@pytest.mark.parametrize(
    ("setting", "log"), [({}, "one\ntwo\n"), ({"no_log": True}, ""), ({"live": False}, "")], ids=str
)
def test_what_a_job_prints_goes_to_its_log_unless_it_is_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: dict[str, Any], log: str
) -> None:
    def module(request: Any, target: Target) -> dict[str, Any]:
        target.say("stdout", "one")
        target.say("stderr", "two")
        return {"changed": True}

    result = work(monkeypatch, tmp_path / "j1.5", module, **setting)
    assert (tmp_path / "j1.5.log").read_text() == log
    assert (result["changed"], result["ansible_job_id"], result["finished"]) == (True, "j1.5", 1)
    assert result["results_file"] == str(tmp_path / "j1.5")


def test_diffs_are_asked_of_a_job_as_of_any_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def module(request: Any, target: Target) -> dict[str, Any]:
        return {"diff_wanted": target.diff, "check": target.check, "async_s": request["async_s"]}

    result = work(monkeypatch, tmp_path / "j1", module, diff=True)
    assert (result["diff_wanted"], result["check"], result["async_s"]) == (True, False, 0)


def status(folder: Path, jid: str, told: list[str] | None = None, check: bool = False, **args: Any) -> dict[str, Any]:
    lines = told if told is not None else []
    target = a_target(live=True, check=check, wire=Wire(lambda event: lines.append(event["text"]), lambda blob: None))
    return run("async_status", {"jid": jid, "_async_dir": str(folder), **args}, target)


def test_a_job_of_another_user_is_alive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def kill(pid: int, number: int) -> None:
        assert (pid, number) == (77, 0)
        raise PermissionError

    monkeypatch.setattr(async_status.os, "kill", kill)
    (tmp_path / "j1").write_text('{"started": 1, "finished": 0, "pid": 77}')
    result = status(tmp_path, "j1")
    assert (result["finished"], result.get("failed"), result["changed"]) == (0, None, False) and "pid" not in result


def test_a_job_that_ends_between_two_looks_is_no_dead_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "j1"

    def kill(pid: int, number: int) -> None:
        path.write_text('{"started": 1, "finished": 1, "rc": 0}')
        raise ProcessLookupError

    monkeypatch.setattr(async_status.os, "kill", kill)
    path.write_text('{"started": 1, "finished": 0, "pid": 77}')
    assert "failed" not in status(tmp_path, "j1")
    assert status(tmp_path, "j1")["rc"] == 0


@pytest.mark.parametrize(("age", "dead"), [(0, False), (29, False), (60, True)])
def test_a_job_has_half_a_minute_to_say_its_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, age: float, dead: bool
) -> None:
    path = tmp_path / "j1"
    path.write_text('{"started": 1, "finished": 0}')
    monkeypatch.setattr(async_status.time, "time", lambda: path.stat().st_mtime + age)
    assert status(tmp_path, "j1").get("failed", False) is dead


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    (tmp_path / "j1").write_text('{"started": 1, "finished": 1}')
    log = tmp_path / "j1.log"
    told: list[str] = []
    for text in ("one\ntw", "one\ntwo\nthr", "one\ntwo\nthr"):
        log.write_text(text)
        status(tmp_path, "j1", told)
    assert told == ["one", "two"]


def test_check_mode_neither_forgets_a_job_nor_notes_what_it_told(tmp_path: Path) -> None:
    (tmp_path / "j1").write_text('{"started": 1, "finished": 1}')
    (tmp_path / "j1.log").write_text("one\n")
    for _ in range(2):
        told: list[str] = []
        status(tmp_path, "j1", told, check=True)
        assert told == ["one"]
    assert status(tmp_path, "j1", check=True, mode="cleanup")["erased"] == str(tmp_path / "j1")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["j1", "j1.log"]


def test_a_job_that_nobody_knows(tmp_path: Path) -> None:
    for mode in ("status", "cleanup"):
        result = status(tmp_path, "j9", mode=mode)
        assert result["failed"] and result["msg"] == "could not find job"
        assert (result["ansible_job_id"], result["started"], result["finished"]) == ("j9", 1, 1)
