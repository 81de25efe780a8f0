"""wait_for and background jobs: what takes time."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.agent import jobs
from provision.agent.connections import parsed
from provision.agent.modules import async_status
from provision.agent.wire import Blob, encode, encode_blob
from tests.unit.agent.fakes import a_target, run


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


def wait(**args: Any) -> dict[str, Any]:
    return run("wait_for", {"timeout": 1, "sleep": 1, **args})


def test_a_port_that_answers(listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    result = wait(port=port)
    assert (result["state"], result["port"], result["elapsed"], result["changed"]) == ("started", port, 0, False)


def test_a_port_that_does_not_answer_in_time() -> None:
    port = free_port()
    result = wait(port=port)
    assert (result["failed"], result["elapsed"]) == (True, 1)
    assert result["msg"] == f"Timeout when waiting for 127.0.0.1:{port}"
    assert wait(port=port, msg="my own words")["msg"] == "my own words"


def test_a_port_that_is_closed_and_one_that_stays_open(listening: socket.socket) -> None:
    assert wait(port=free_port(), state="stopped")["elapsed"] == 0
    assert "to stop." in wait(port=listening.getsockname()[1], state="absent")["msg"]


def test_words_that_a_server_says(listening: socket.socket) -> None:
    def greet() -> None:
        peer, _ = listening.accept()
        with peer:
            peer.sendall(b"220 hello ")
            peer.sendall(b"OpenSSH_9\n")
            time.sleep(0.2)

    thread = threading.Thread(target=greet)
    thread.start()
    result = wait(port=listening.getsockname()[1], search_regex=r"(Open)(?P<what>SSH)")
    thread.join()
    assert result["match_groups"] == ["Open", "SSH"] and result["match_groupdict"] == {"what": "SSH"}


def test_a_file_that_appears(tmp_path: Path) -> None:
    timer = threading.Timer(0.1, (tmp_path / "x").touch)
    timer.start()
    result = run("wait_for", {"path": str(tmp_path / "x"), "timeout": 5, "sleep": 0})
    assert result["path"] == str(tmp_path / "x")


def test_a_text_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("starting\nready: yes\n")
    assert wait(path=str(tmp_path / "log"), search_regex="^ready: (.*)$")["match_groups"] == ["yes"]
    assert "search string never in" in wait(path=str(tmp_path / "log"), search_regex="never")["msg"]


def test_a_file_that_goes(tmp_path: Path) -> None:
    assert wait(path=str(tmp_path / "none"), state="absent")["elapsed"] == 0
    assert "to be absent" in wait(path=str(tmp_path), state="absent")["msg"]


def test_plain_waiting_can_be_stopped() -> None:
    from provision.agent.errors import Stopped

    target = a_target()
    threading.Timer(0.1, target.stop.now, ["cancelled"]).start()
    with pytest.raises(Stopped):
        run("wait_for", {"timeout": 60}, target)


@pytest.mark.parametrize(
    ("args", "msg"),
    [
        ({"path": "/x", "state": "stopped"}, "state=stopped should only be used"),
        ({"path": "/x", "state": "drained"}, "state=drained should only be used"),
        ({"port": 1, "exclude_hosts": "a"}, "exclude_hosts should only be"),
        ({"port": 1, "active_connection_states": "ODD"}, "unknown active_connection_state"),
        ({"port": 1, "search_regex": "("}, "Invalid regular expression"),
    ],
)
def test_what_makes_no_sense_is_refused(args: dict[str, Any], msg: str) -> None:
    assert msg in wait(**args)["msg"]


def test_connections_that_are_drained(listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    assert wait(port=port, state="drained")["elapsed"] == 0
    with socket.create_connection(("127.0.0.1", port)):
        assert "to drain" in wait(port=port, state="drained")["msg"]
        assert "failed" not in wait(port=port, state="drained", exclude_hosts=["127.0.0.1"])


def test_tables_of_connections_are_read() -> None:
    text = (
        "title\n 0: 0100007F:1F90 0200007F:A0B1 01 x\n 1: 00000000000000000000000001000000:0016 "
        + "0" * 32
        + ":0000 0A x\n"
    )
    first, second = parsed(text)
    assert (first.local, first.port, first.remote, first.state) == ("127.0.0.1", 8080, "127.0.0.2", "01")
    assert (second.local, second.port) == ("::1", 22)
    mapped = " 0: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000200007F:0051 01 x"
    assert next(parsed("title\n" + mapped)).local == "127.0.0.1"


def status(tmp_path: Path, jid: str = "j1.2", target: Any = None, **args: Any) -> dict[str, Any]:
    return run("async_status", {"jid": jid, "_async_dir": str(tmp_path), **args}, target)


def test_a_job_that_runs_and_one_that_is_done(tmp_path: Path) -> None:
    running = {"started": 1, "finished": 0, "ansible_job_id": "j1.2", "pid": os.getpid()}
    jobs.write_result(str(tmp_path / "j1.2"), running)
    result = status(tmp_path)
    assert (result["started"], result["finished"]) == (1, 0) and "failed" not in result
    jobs.write_result(str(tmp_path / "j1.2"), {"finished": 1, "started": 1, "rc": 0, "changed": True})
    assert (status(tmp_path)["finished"], status(tmp_path)["changed"]) == (1, True)
    assert (tmp_path / "j1.2").stat().st_mode & 0o777 == 0o600


def test_a_result_that_ansible_itself_left_is_read(tmp_path: Path) -> None:
    (tmp_path / "j1.2").write_text('{"changed": true, "rc": 0}')
    assert (status(tmp_path)["finished"], status(tmp_path)["ansible_job_id"]) == (1, "j1.2")
    (tmp_path / "j1.2").write_text("")
    assert status(tmp_path)["finished"] == 0


def test_a_job_that_died_is_a_failure_and_no_endless_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs.write_result(str(tmp_path / "j1.2"), {"started": 1, "finished": 0, "pid": 2**22 + 12345})
    result = status(tmp_path)
    assert result["failed"] and result["finished"] == 1 and "ended without a result" in result["msg"]
    jobs.write_result(str(tmp_path / "j3.4"), {"started": 1, "finished": 0})
    assert status(tmp_path, "j3.4")["finished"] == 0
    monkeypatch.setattr(async_status, "START_S", -1.0)
    assert status(tmp_path, "j3.4")["failed"] is True


def test_every_question_brings_the_lines_since_the_last_one(tmp_path: Path) -> None:
    from provision.agent.target import Wire

    told: list[str] = []
    jobs.write_result(str(tmp_path / "j1.2"), {"started": 1, "finished": 0, "pid": os.getpid()})

    def ask() -> list[str]:
        told.clear()
        wire = Wire(lambda message: told.append(str(message["text"])), lambda blob: None)
        status(tmp_path, target=a_target(live=True, wire=wire))
        return list(told)

    log = tmp_path / "j1.2.log"
    log.write_text("one\ntwo\nhal")
    assert ask() == ["one", "two"]
    log.write_text("one\ntwo\nhalf\nthree\n")
    assert ask() == ["half", "three"]
    assert ask() == []


def test_a_job_is_forgotten_with_all_its_files(tmp_path: Path) -> None:
    for name in ("j1.2", "j1.2.log", "j1.2.told", "j5.6"):
        (tmp_path / name).write_text("{}")
    assert status(tmp_path, mode="cleanup")["erased"] == str(tmp_path / "j1.2")
    assert [path.name for path in tmp_path.iterdir()] == ["j5.6"]
    assert status(tmp_path)["msg"] == "could not find job"


def test_a_job_id_is_no_way_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "jobs").mkdir()
    assert status(tmp_path / "jobs", "../secret", mode="cleanup")["msg"] == "could not find job"
    assert (tmp_path / "secret").exists()


def test_the_whole_life_of_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    digest = hashlib.sha256(b"content").hexdigest()
    request = {"op": "run", "module": "copy", "args": {}, "async_s": 60, "live": True}
    data = encode_blob(Blob(digest, 0, b"content")) + encode({"op": "blob_end", "digest": digest}) + encode(request)
    pieces = [data[at : at + 7] for at in range(0, len(data), 7)]
    buffer = bytearray(b"".join(pieces))

    def read(fd: int, count: int) -> bytes:
        piece = bytes(buffer[:count])
        del buffer[:count]
        return piece

    def module(message: Any, target: Any) -> dict[str, Any]:
        target.say("stdout", "building")
        during = json.loads((tmp_path / "j1.2").read_text())
        assert (during["finished"], during["pid"], message["async_s"]) == (0, os.getpid(), 0)
        from provision.agent.contents import Wanted

        return {"changed": True, "content": target.read_content(Wanted(digest, 7)).decode()}

    monkeypatch.setattr(jobs.os, "read", read)
    jobs.work(str(tmp_path / "j1.2"), module)
    result = json.loads((tmp_path / "j1.2").read_text())
    assert (result["finished"], result["content"], result["ansible_job_id"]) == (1, "content", "j1.2")
    assert (tmp_path / "j1.2.log").read_text() == "building\n"
    assert (tmp_path / "j1.2.log").stat().st_mode & 0o777 == 0o600
