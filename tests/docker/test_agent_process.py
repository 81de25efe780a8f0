"""The agent as a real process here: floods, daemons, stubborn programs, background jobs, a lost controller."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.agent.boot import bootstrap
from provision.ssh import localhost
from provision.ssh.channel import AgentChannel, Blob

pytestmark = pytest.mark.docker


class Agent:
    """An agent started the way the SSH door starts one."""

    def __init__(self) -> None:
        code, payload = bootstrap()
        self.stream = localhost.open_stream(f"exec /usr/bin/env python3 -u -c {shlex.quote(code)}")
        self.stream.send(payload)
        self.channel = AgentChannel(self.stream, "here")
        self.channel.greet()
        self.contents: dict[str, bytes] = {}
        self.lines: list[str] = []
        self._number = 0

    @property
    def pid(self) -> int:
        return self.stream._process.pid

    def offer(self, data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        self.contents[digest] = data
        return {"digest": digest, "size": len(data)}

    def send(self, module: str, args: dict[str, Any], **more: Any) -> int:
        self._number += 1
        request = {"op": "run", "id": self._number, "group": self._number, "module": module, "args": args, "live": True}
        self.channel.send({**request, **more})
        return self._number

    def result(self, number: int) -> dict[str, Any]:
        pieces: list[bytes] = []
        while True:
            message = self.channel.receive()
            if isinstance(message, Blob):
                pieces.append(message.data)
            elif message["event"] == "need":
                data = self.contents[message["digest"]]
                self.channel.send_content(
                    message["digest"], iter([data[i : i + 262144] for i in range(0, len(data), 262144)])
                )
            elif message["event"] == "out":
                self.lines.append(str(message["text"]))
            elif message.get("id") == number:
                whole = json.loads(b"".join(pieces)) if "blob" in message else message
                found: dict[str, Any] = whole["result"]
                return found

    def run(self, module: str, args: dict[str, Any], **more: Any) -> dict[str, Any]:
        return self.result(self.send(module, args, **more))

    def shell(self, line: str, **more: Any) -> dict[str, Any]:
        return self.run("shell", {"_raw_params": line}, **more)


@pytest.fixture
def agent() -> Iterator[Agent]:
    started = Agent()
    yield started
    started.channel.close()


def alive(marker: str) -> bool:
    """Whether a program with that word in its command line still runs."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if marker in (folder / "cmdline").read_bytes().decode(errors="replace").split("\0"):
                    return True
            except OSError:
                pass
    return False


def soon(condition: Any, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_flood_fills_neither_memory_nor_wire(agent: Agent) -> None:
    began = time.monotonic()
    result = agent.shell("yes 0123456789012345678901234567890123456789 | head -c 400000000; echo last")
    seconds = time.monotonic() - began
    assert result["rc"] == 0
    assert result["stdout"].startswith("0123456789") and result["stdout"].endswith("last")
    assert "bytes left out ..." in result["stdout"] and len(result["stdout"]) < 9_000_000
    assert len(agent.lines) < 1100 + 210 * seconds and any("lines not shown" in line for line in agent.lines)
    peak = int(Path(f"/proc/{agent.pid}/status").read_text().split("VmHWM:")[1].split()[0])
    assert peak < 200_000  # kB


def test_bytes_that_are_no_text(agent: Agent) -> None:
    result = agent.shell(r"printf 'caf\351 \000 \377\n'; head -c 100000 /dev/urandom >&2")
    assert result["stdout"] == "caf� \0 �" and result["rc"] == 0


def test_a_daemon_that_keeps_the_pipe_is_not_waited_for(agent: Agent) -> None:
    began = time.monotonic()
    result = agent.shell("(setsid sleep 31.41 &) ; echo started")
    assert result["stdout"] == "started" and time.monotonic() - began < 3
    assert alive("31.41")
    subprocess.run(["pkill", "-x", "-f", "sleep 31.41"], check=False)


def test_a_chatty_daemon_is_not_listened_to_for_ever(agent: Agent) -> None:
    began = time.monotonic()
    result = agent.shell("(for i in $(seq 100); do echo chat; sleep 0.05; done &) ; echo started")
    assert "started" in result["stdout"] and time.monotonic() - began < 4


def test_a_program_that_reads_stdin_gets_nothing(agent: Agent) -> None:
    assert agent.shell("cat; read line; echo $?")["stdout"] == "1"
    assert agent.shell("tty")["stdout"] == "not a tty"


def test_large_stdin_and_output_at_once(agent: Agent) -> None:
    text = "x" * 500_000
    assert agent.run("command", {"argv": ["cat"], "stdin": text})["stdout"] == text
    assert agent.run("command", {"argv": ["true"], "stdin": text})["rc"] == 0


def test_output_on_both_streams_while_it_runs(agent: Agent) -> None:
    number = agent.send("shell", {"_raw_params": "echo one; echo two >&2; sleep 1; echo three"})
    began = time.monotonic()
    first = agent.channel.receive()
    assert not isinstance(first, Blob) and first["text"] in ("one", "two") and time.monotonic() - began < 0.9
    assert agent.result(number)["stdout"] == "one\nthree"


def test_a_prints_of_children_cannot_break_the_wire(agent: Agent) -> None:
    agent.shell("echo 'rubbish' > /proc/$PPID/fd/1 2>/dev/null; true")
    assert agent.run("ping", {})["ping"] == "pong"


def test_a_stubborn_program_and_its_children_are_killed_when_cancelled(agent: Agent) -> None:
    number = agent.send("shell", {"_raw_params": "trap '' TERM; sleep 27.18 & sleep 27.18"})
    assert soon(lambda: alive("27.18"))
    agent.channel.send({"op": "cancel", "id": number})
    began = time.monotonic()
    assert agent.result(number)["msg"] == "cancelled"
    assert time.monotonic() - began < 9 and not alive("27.18")
    assert agent.run("ping", {})["ping"] == "pong"


def test_a_program_whose_time_is_up(agent: Agent) -> None:
    began = time.monotonic()
    assert "terminated" in agent.shell("sleep 20.5", timeout_s=1)["msg"]
    assert time.monotonic() - began < 3 and not alive("20.5")


def test_when_the_controller_is_gone_so_are_program_files_and_agent(tmp_path: Path) -> None:
    agent = Agent()
    agent.send("copy", {"_content": {"digest": "ab" * 32, "size": 90_000_000}, "dest": str(tmp_path / "x")})
    assert agent.channel.receive()["event"] == "need"  # type: ignore[call-overload,index]
    assert len(list(tmp_path.iterdir())) == 1
    agent.stream._stdin.close()
    assert soon(lambda: agent.stream._process.poll() is not None)
    assert list(tmp_path.iterdir()) == []
    agent.stream._stdout.close()
    agent.stream._stderr.close()

    agent = Agent()
    agent.send("shell", {"_raw_params": "sleep 16.18"})
    assert soon(lambda: alive("16.18"))
    agent.stream._stdin.close()
    assert soon(lambda: agent.stream._process.poll() is not None)
    assert soon(lambda: not alive("16.18"))
    agent.stream._stdout.close()
    agent.stream._stderr.close()


def test_a_background_job_outlives_its_agent_and_is_followed_by_the_next(tmp_path: Path) -> None:
    environment = {"ANSIBLE_ASYNC_DIR": str(tmp_path)}
    first = Agent()
    line = "for i in $(seq 25); do echo line $i; sleep 0.3; done"
    jid = first.shell(line, async_s=60, environment=environment)["ansible_job_id"]
    first.channel.close()
    second = Agent()

    def ask() -> dict[str, Any]:
        return second.run("async_status", {"jid": jid}, environment=environment)

    assert ask()["finished"] == 0
    assert soon(lambda: ask()["finished"] == 1, 30)
    result = ask()
    assert (result["rc"], result["changed"]) == (0, True)
    assert result["stdout_lines"] == [f"line {number}" for number in range(1, 26)] == second.lines
    second.run("async_status", {"jid": jid, "mode": "cleanup"}, environment=environment)
    assert list(tmp_path.iterdir()) == []
    second.channel.close()


def test_a_background_job_whose_time_is_up_is_stopped(agent: Agent, tmp_path: Path) -> None:
    environment = {"ANSIBLE_ASYNC_DIR": str(tmp_path)}
    jid = agent.shell("sleep 14.14", async_s=1, environment=environment)["ansible_job_id"]
    assert soon(lambda: agent.run("async_status", {"jid": jid}, environment=environment)["finished"] == 1)
    result = agent.run("async_status", {"jid": jid}, environment=environment)
    assert result["failed"] and result["msg"] == "Timeout exceeded"
    assert soon(lambda: not alive("14.14"))


def test_a_background_job_that_is_killed_is_a_failure(agent: Agent, tmp_path: Path) -> None:
    environment = {"ANSIBLE_ASYNC_DIR": str(tmp_path)}
    jid = agent.shell("sleep 17.32", async_s=60, environment=environment)["ansible_job_id"]
    assert soon(lambda: alive("17.32"))
    os.kill(json.loads((tmp_path / jid).read_text())["pid"], 9)
    assert soon(lambda: agent.run("async_status", {"jid": jid}, environment=environment)["finished"] == 1)
    result = agent.run("async_status", {"jid": jid}, environment=environment)
    assert result["failed"] and "ended without a result" in result["msg"]
    subprocess.run(["pkill", "-x", "-f", "sleep 17.32"], check=False)


def test_a_background_copy_brings_its_content(agent: Agent, tmp_path: Path) -> None:
    environment = {"ANSIBLE_ASYNC_DIR": str(tmp_path / "jobs")}
    args = {"_content": agent.offer(b"in the background\n"), "dest": str(tmp_path / "x")}
    jid = agent.run("copy", args, async_s=60, environment=environment)["ansible_job_id"]
    assert soon(lambda: agent.run("async_status", {"jid": jid}, environment=environment)["finished"] == 1)
    assert (tmp_path / "x").read_text() == "in the background\n"


def test_a_large_file_arrives_whole(agent: Agent, tmp_path: Path) -> None:
    data = os.urandom(20_000_000)
    args = {"_content": agent.offer(data), "dest": str(tmp_path / "x")}
    assert agent.run("copy", args)["checksum"] == hashlib.sha1(data).hexdigest()
    assert (tmp_path / "x").read_bytes() == data
    assert agent.run("copy", args)["changed"] is False


def test_real_git(agent: Agent, tmp_path: Path) -> None:
    def sh(line: str) -> None:
        subprocess.run(["/bin/sh", "-ec", line], cwd=tmp_path, check=True, capture_output=True)

    commit = "git -c user.email=a@b -c user.name=n commit -qam"
    sh(f"git init -q -b main origin && cd origin && echo 1 > f && git add f && {commit} one && git tag v1")
    args = {"repo": str(tmp_path / "origin"), "dest": str(tmp_path / "copy")}
    assert [agent.run("git", args)["changed"] for _ in range(2)] == [True, False]
    sh(f"cd origin && echo 2 > f && {commit} two")
    assert agent.run("git", args, check=True)["changed"] is True
    assert [agent.run("git", args)["changed"] for _ in range(2)] == [True, False]
    assert (tmp_path / "copy" / "f").read_text() == "2\n"
    assert [agent.run("git", {**args, "version": "v1"})["changed"] for _ in range(2)] == [True, False]
    (tmp_path / "copy" / "f").write_text("mine\n")
    assert "Local modifications" in agent.run("git", args)["msg"]
    assert [agent.run("git", {**args, "force": True})["changed"] for _ in range(2)] == [True, False]


@pytest.mark.parametrize(("option", "program"), [("", "tar"), ("z", "gzip"), ("j", "bzip2"), ("J", "xz")])
def test_real_tar(agent: Agent, tmp_path: Path, option: str, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"tar -{option} needs {program}, which is not installed here")
    (tmp_path / "from" / "sub").mkdir(parents=True)
    (tmp_path / "from" / "sub" / "file").write_text("content\n")
    (tmp_path / "to").mkdir()
    subprocess.run(["tar", f"-c{option}f", "x.tar", "-C", "from", "sub"], cwd=tmp_path, check=True)
    data = (tmp_path / "x.tar").read_bytes()
    args = {"src": "x.tar", "_content": agent.offer(data), "dest": str(tmp_path / "to")}
    assert [agent.run("unarchive", args)["changed"] for _ in range(2)] == [True, False]
    (tmp_path / "to" / "sub" / "file").write_text("changed\n")
    assert agent.run("unarchive", args)["changed"] is True
    assert (tmp_path / "to" / "sub" / "file").read_text() == "content\n"
