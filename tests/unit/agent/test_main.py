"""The main loop over real pipes, in a thread: order, groups, contents, cancelling, the end of the connection."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.agent import wire
from provision.agent.main import serve
from provision.agent.process import Command, Completed, Processes
from provision.agent.stop import Stop
from provision.agent.wire import Blob
from tests.unit.agent.fakes import FakeProcesses, printed


class Conversation:
    """The controller's side. `answer` waits for the result of one run and keeps everything else."""

    def __init__(self, processes: Processes) -> None:
        self._requests, requests = os.pipe()[::-1]
        answers, agent_out = os.pipe()
        self._answers = answers
        self.events: list[Any] = []
        self._thread = threading.Thread(target=serve, args=(requests, agent_out, processes), daemon=True)
        self._thread.start()
        self._fds = [requests, answers, agent_out]
        self._number = 0

    def send(self, *messages: Any) -> None:
        frames = [wire.encode_blob(one) if isinstance(one, Blob) else wire.encode(one) for one in messages]
        os.write(self._requests, b"".join(frames))

    def run(self, module: str, args: dict[str, Any], **more: Any) -> int:
        self._number += 1
        request = {"op": "run", "id": self._number, "group": self._number, "module": module, "args": args}
        self.send({**request, "live": True, **more})
        return self._number

    def next(self) -> Any:
        frame = wire.read_frame(lambda count: os.read(self._answers, count))
        self.events.append(frame)
        return frame

    def answer(self, number: int) -> Any:
        while True:
            frame = self.next()
            if isinstance(frame, dict) and frame.get("id") == number and frame["event"] in ("result", "dropped"):
                return frame

    def result(self, module: str, args: dict[str, Any], **more: Any) -> dict[str, Any]:
        answer = self.answer(self.run(module, args, **more))
        found: dict[str, Any] = answer["result"]
        return found

    def hang_up(self) -> None:
        os.close(self._requests)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def close(self) -> None:
        if self._thread.is_alive():
            self.hang_up()
        for fd in self._fds:
            os.close(fd)


class Slow(Processes):
    """A program that runs until it is stopped."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.stopped = threading.Event()

    def run(self, command: Command, stop: Stop, on_output: Any = None) -> Completed:
        self.begun.set()
        try:
            stop.wait(20)
        finally:
            self.stopped.set()
        return Completed(0, "", "")


@pytest.fixture
def agent() -> Iterator[Conversation]:
    conversation = Conversation(FakeProcesses(("echo", printed("hello\n")), ("false", printed(rc=1))))
    yield conversation
    conversation.close()


def content(data: bytes) -> dict[str, Any]:
    return {"digest": hashlib.sha256(data).hexdigest(), "size": len(data)}


def pieces(data: bytes) -> list[Any]:
    digest = content(data)["digest"]
    blobs = [Blob(digest, at, data[at : at + wire.CHUNK]) for at in range(0, len(data), wire.CHUNK)]
    return [*blobs, {"op": "blob_end", "digest": digest, "size": len(data)}]


def test_it_greets_first_and_says_who_it_is(agent: Conversation) -> None:
    hello = agent.next()
    assert hello["event"] == "hello"
    assert hello["uid"] == os.geteuid()
    assert hello["facts"]["kernel"] == os.uname().release


def test_results_come_in_the_order_of_the_requests_sent_at_once(agent: Conversation) -> None:
    numbers = [agent.run("ping", {"data": str(number)}) for number in range(20)]
    answers = [agent.answer(number) for number in numbers]
    assert [answer["result"]["ping"] for answer in answers] == [str(number) for number in range(20)]
    assert all(answer["seconds"] >= 0 for answer in answers)


def test_after_a_failure_the_rest_of_its_group_is_dropped_and_no_other(agent: Conversation) -> None:
    failing = agent.run("command", {"_raw_params": "false"}, group=7)
    dropped = agent.run("ping", {}, group=7)
    other = agent.run("ping", {}, group=8)
    assert agent.answer(failing)["result"]["rc"] == 1
    assert agent.answer(dropped) == {"event": "dropped", "id": dropped}
    assert agent.answer(other)["result"]["ping"] == "pong"


def test_lines_of_a_command_are_told_while_it_runs(agent: Conversation) -> None:
    number = agent.run("command", {"_raw_params": "echo hello"})
    assert agent.answer(number)["result"]["stdout"] == "hello"
    assert {"event": "out", "id": number, "stream": "stdout", "text": "hello"} in agent.events


@pytest.mark.parametrize("setting", [{"no_log": True}, {"live": False}])
def test_no_lines_are_told_of_what_is_secret_or_unwanted(agent: Conversation, setting: dict[str, Any]) -> None:
    agent.result("command", {"_raw_params": "echo hello"}, **setting)
    assert [event for event in agent.events if event.get("event") == "out"] == []


def test_lines_are_added_to_what_programs_printed(agent: Conversation) -> None:
    result = agent.result("command", {"_raw_params": "echo hello"})
    assert (result["stdout_lines"], result["stderr_lines"]) == (["hello"], [])


def test_content_that_was_sent_ahead_is_not_asked_for(agent: Conversation, tmp_path: Path) -> None:
    agent.send(*pieces(b"ahead\n"))
    result = agent.result("copy", {"_content": content(b"ahead\n"), "dest": str(tmp_path / "x")})
    assert result["changed"] is True
    assert (tmp_path / "x").read_bytes() == b"ahead\n"
    assert [event for event in agent.events if event.get("event") == "need"] == []


def test_content_that_lacks_is_asked_for_and_put_in_place(agent: Conversation, tmp_path: Path) -> None:
    data = b"large\n" * 400_000
    number = agent.run("copy", {"_content": content(data), "dest": str(tmp_path / "x"), "mode": "0600"})
    while (event := agent.next()).get("event") != "need":
        pass
    assert event == {"event": "need", "id": number, **content(data)}
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] != []
    threading.Thread(target=agent.send, args=pieces(data)).start()
    result = agent.answer(number)["result"]
    assert (tmp_path / "x").read_bytes() == data
    assert result["checksum"] == hashlib.sha1(data).hexdigest()
    assert (result["mode"], result["size"], result["state"]) == ("0600", len(data), "file")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_content_that_is_not_what_was_promised_is_refused(agent: Conversation, tmp_path: Path) -> None:
    reference = content(b"promised")
    number = agent.run("copy", {"_content": reference, "dest": str(tmp_path / "x")})
    while agent.next().get("event") != "need":
        pass
    agent.send(Blob(reference["digest"], 0, b"another!"), {"op": "blob_end", "digest": reference["digest"], "size": 8})
    result = agent.answer(number)["result"]
    assert result["failed"] and "changed while it was read" in result["msg"]
    assert list(tmp_path.iterdir()) == []


def test_content_that_the_controller_cannot_read_fails_the_task(agent: Conversation, tmp_path: Path) -> None:
    reference = content(b"gone")
    number = agent.run("copy", {"_content": reference, "dest": str(tmp_path / "x")})
    while agent.next().get("event") != "need":
        pass
    agent.send({"op": "blob_end", "digest": reference["digest"], "size": 0, "problem": "no such file"})
    assert "no such file" in agent.answer(number)["result"]["msg"]


def test_nothing_is_transferred_for_a_file_that_is_there(agent: Conversation, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"same")
    result = agent.result("copy", {"_content": content(b"same"), "dest": str(tmp_path / "x")})
    assert result["changed"] is False
    assert [event for event in agent.events if event.get("event") == "need"] == []


def test_a_file_is_fetched_in_pieces(agent: Conversation, tmp_path: Path) -> None:
    data = bytes(range(256)) * 2000
    (tmp_path / "x").write_bytes(data)
    result = agent.result("fetch", {"src": str(tmp_path / "x"), "dest": "y"})
    blobs = [event for event in agent.events if isinstance(event, Blob)]
    assert b"".join(blob.data for blob in blobs) == data
    assert [blob.offset for blob in blobs] == [0, wire.CHUNK]
    assert result["digest"] == hashlib.sha256(data).hexdigest()


def test_a_result_that_is_too_long_for_a_frame_goes_as_content(agent: Conversation, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"z" * 2_000_000)
    number = agent.run("slurp", {"src": str(tmp_path / "x")})
    answer = agent.answer(number)
    text = b"".join(event.data for event in agent.events if isinstance(event, Blob))
    assert hashlib.sha256(text).hexdigest() == answer["blob"]["digest"]
    message = json.loads(text)
    assert message["id"] == number
    assert base64.b64decode(message["result"]["content"]) == b"z" * 2_000_000


def test_environment_of_a_run_is_gone_afterwards(agent: Conversation) -> None:
    args = {"gather_subset": ["!all", "!min", "env"]}
    with_it = agent.result("setup", args, environment={"PROVISION_TEST": "1", "HOME": "/elsewhere"})
    without = agent.result("setup", args)
    assert with_it["ansible_facts"]["env"]["PROVISION_TEST"] == "1"
    assert "PROVISION_TEST" not in without["ansible_facts"]["env"]
    assert without["ansible_facts"]["env"]["HOME"] == os.environ["HOME"]


def test_a_fault_of_a_module_is_a_failed_result(agent: Conversation) -> None:
    result = agent.result("ping", {"data": "crash"})
    assert result["failed"] and "boom" in result["msg"] and "Traceback" in result["exception"]


def test_a_module_that_does_not_exist_or_runs_elsewhere_is_a_failed_result(agent: Conversation) -> None:
    for module in ("nothing", "debug", "copy_tree"):
        result = agent.result(module, {})
        assert result["failed"] and "does not run on a target" in result["msg"]


def test_wrong_arguments_are_a_failed_result(agent: Conversation) -> None:
    assert "missing required arguments: path" in agent.result("stat", {})["msg"]


def test_check_mode_of_a_module_that_has_none_is_a_skip(agent: Conversation) -> None:
    result = agent.result("wait_for", {"port": 1, "timeout": 100}, check=True)
    assert result["skipped"] is True and result["changed"] is False


def test_a_running_module_is_cancelled() -> None:
    slow = Slow()
    agent = Conversation(slow)
    number = agent.run("command", {"_raw_params": "sleep 100"})
    later = agent.run("ping", {})
    assert slow.begun.wait(5)
    agent.send({"op": "cancel", "id": number})
    assert agent.answer(number)["result"] == {"failed": True, "changed": False, "msg": "cancelled"}
    assert agent.answer(later)["result"]["ping"] == "pong"
    agent.close()


def test_a_waiting_module_is_cancelled_before_it_begins() -> None:
    slow = Slow()
    agent = Conversation(slow)
    first = agent.run("command", {"_raw_params": "sleep 100"})
    second = agent.run("ping", {})
    agent.send({"op": "cancel", "id": second}, {"op": "cancel", "id": first})
    assert agent.answer(first)["result"]["msg"] == "cancelled"
    assert agent.answer(second)["result"]["msg"] == "cancelled"
    agent.close()


def test_a_module_whose_time_is_up_is_stopped() -> None:
    agent = Conversation(Slow())
    result = agent.result("command", {"_raw_params": "sleep 100"}, timeout_s=1)
    assert result["failed"] and "terminated" in result["msg"]
    agent.close()


def test_when_the_controller_is_gone_the_program_is_stopped_and_nothing_else_runs(tmp_path: Path) -> None:
    slow = Slow()
    agent = Conversation(slow)
    agent.run("command", {"_raw_params": "sleep 100"})
    agent.run("file", {"path": str(tmp_path / "late"), "state": "touch"})
    assert slow.begun.wait(5)
    began = time.monotonic()
    agent.hang_up()
    assert slow.stopped.is_set() and time.monotonic() - began < 5
    assert not (tmp_path / "late").exists()
    agent.close()


def test_when_the_controller_is_gone_in_the_middle_of_a_file_nothing_of_it_stays(tmp_path: Path) -> None:
    agent = Conversation(FakeProcesses())
    reference = {"digest": "ab" * 32, "size": 50_000_000}
    agent.run("copy", {"_content": reference, "dest": str(tmp_path / "x")})
    while agent.next().get("event") != "need":
        pass
    agent.send(Blob(reference["digest"], 0, b"x" * 100_000))
    assert list(tmp_path.iterdir()) != []
    agent.hang_up()
    assert list(tmp_path.iterdir()) == []
    agent.close()


def test_goodbye_ends_it() -> None:
    agent = Conversation(FakeProcesses())
    agent.result("ping", {})
    agent.send({"op": "bye"})
    agent._thread.join(5)
    assert not agent._thread.is_alive()
    agent.close()


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xffJ", b"\0\0\0\2Xab", wire.encode({"op": "dance"}), wire.encode({})])
def test_what_is_no_protocol_ends_it_with_a_word(data: bytes) -> None:
    agent = Conversation(FakeProcesses())
    agent.next()
    os.write(agent._requests, data)
    assert agent.next()["event"] == "protocol_error"
    agent._thread.join(5)
    assert not agent._thread.is_alive()
    agent.close()


def test_a_background_job_is_started_with_its_module_and_contents(tmp_path: Path) -> None:
    processes = FakeProcesses()
    agent = Conversation(processes)
    agent.send(*pieces(b"hello"))
    environment = {"ANSIBLE_ASYNC_DIR": str(tmp_path)}
    args = {"_content": content(b"hello"), "dest": str(tmp_path / "x")}
    result = agent.result("copy", args, async_s=60, environment=environment)
    assert (result["started"], result["finished"]) == (1, 0)
    assert result["results_file"] == str(tmp_path / result["ansible_job_id"])
    argv, stdin = processes.detached[0]
    assert list(argv[-2:]) == ["job", result["results_file"]]
    assert b"hello" in stdin and b'"async_s":60' in stdin
    status = agent.result("async_status", {"jid": result["ansible_job_id"]}, environment=environment)
    assert (status["started"], status["finished"]) == (1, 0)
    agent.close()
