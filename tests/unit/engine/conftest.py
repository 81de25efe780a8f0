"""A host in memory: it speaks the agent's wire, runs modules that a test gives it, and counts round trips."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provision.engine.options import RunOptions
from provision.engine.run import run
from provision.errors import Unreachable
from provision.inventory import load
from provision.model import Event, Result
from provision.playbook.reader import read_playbook
from provision.ssh.door import Door
from provision.ssh.target import Target

Module = Callable[[Mapping[str, Any]], dict[str, Any]]


def frame(message: Mapping[str, Any]) -> bytes:
    payload = json.dumps(message).encode()
    return struct.pack(">Ic", len(payload), b"J") + payload


class Machine:
    """What one host is and does. `ran` records (module, args, settings) in order."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.modules = modules
        self.ran: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = []
        self.contents: dict[str, bytes] = {}
        self.refusals: dict[str, str] = {}
        self.round_trips = 0
        self.dies_after = -1
        self.users: list[str] = []

    def names(self) -> list[str]:
        return [module for module, _, _ in self.ran]


class Wire:
    """One agent's stream: answers when it is read, as the real one would; drops the rest of a failed group."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.inbox = b""
        self.answers: list[bytes] = [frame({"event": "hello", "agent": "t", "python": "3", "uid": 0, "user": "root"})]
        self.failed_group = -1
        self.unread = False
        self.started = False

    def send(self, data: bytes) -> None:
        if not self.started:  # the agent's own sources
            self.started = True
            return
        self.inbox += data
        self.unread = True
        while len(self.inbox) >= 5:
            length, kind = struct.unpack_from(">Ic", self.inbox)
            if len(self.inbox) < 5 + length:
                return
            payload, self.inbox = self.inbox[5 : 5 + length], self.inbox[5 + length :]
            if kind == b"B":
                digest = payload[:32].hex()
                self.machine.contents[digest] = self.machine.contents.get(digest, b"") + payload[40:]
            else:
                self.take(json.loads(payload))

    def take(self, message: Mapping[str, Any]) -> None:
        if message["op"] == "blob_end" and message.get("problem"):
            self.machine.refusals[message["digest"]] = message["problem"]
        if message["op"] != "run":
            return
        if message["group"] == self.failed_group:
            self.answers.append(frame({"event": "dropped", "id": message["id"]}))
            return
        if self.machine.dies_after == len(self.machine.ran):
            self.machine.modules = {}
            self.answers.append(b"")
            return
        self.machine.ran.append((message["module"], message["args"], message))
        result = {"changed": False, **self.machine.modules[message["module"]](message["args"])}
        for digest in result.pop("_needs", []):
            self.answers.append(frame({"event": "need", "id": message["id"], "digest": digest, "size": 0}))
        for digest, data in result.pop("_blobs", []):
            self.answers.append(struct.pack(">Ic", 40 + len(data), b"B") + bytes.fromhex(digest) + bytes(8) + data)
        for line in result.pop("_lines", []):
            self.answers.append(frame({"event": "out", "id": message["id"], "stream": "stdout", "text": line}))
        if result.get("failed"):
            self.failed_group = message["group"]
        self.answers.append(frame({"event": "result", "id": message["id"], "result": result, "seconds": 0.01}))

    def receive(self, most: int) -> bytes:
        if self.unread:
            self.unread = False
            self.machine.round_trips += 1
        return self.answers.pop(0) if self.answers else b""

    def last_words(self) -> str:
        return ""

    def exit_code(self) -> int:
        return 0

    def close(self) -> None:
        pass


def ok(args: Mapping[str, Any]) -> dict[str, Any]:
    return {"changed": True}


def command(args: Mapping[str, Any]) -> dict[str, Any]:
    """A shell that knows two words: `false` fails, anything else is echoed."""
    words = str(args.get("_raw_params") or args.get("cmd"))
    failed = words.startswith("false")
    return {"changed": True, "rc": int(failed), "stdout": words, "stderr": "", "failed": failed}


class Lab:
    """Runs playbook texts on machines in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.machines: dict[str, Machine] = {}
        self.dead: set[str] = set()

    def machine(self, name: str = "web1") -> Machine:
        modules = dict.fromkeys(("copy", "file", "lineinfile", "service", "systemd", "apt", "template", "stat"), ok)
        return self.machines.setdefault(
            name, Machine({**modules, "command": command, "shell": command, "setup": self.facts})
        )

    @staticmethod
    def facts(args: Mapping[str, Any]) -> dict[str, Any]:
        return {"ansible_facts": {"distribution": "Debian", "os_family": "Debian"}}

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def connect(self, target: Target) -> Door:
        if target.name in self.dead:
            raise Unreachable(f"{target.name} does not answer", "no route to host")
        machine = self.machine(target.name)

        def open_stream(command: str) -> Wire:
            machine.users.append("root" if command.startswith("sudo") else target.user)
            return Wire(machine)

        return Door(replace(target, user=target.user or "operator"), open_stream, lambda: None)

    def play(self, text: str, hosts: str = "web1,", **options: Any) -> list[Event]:
        path = self.write("site.yml", text)
        return list(run(read_playbook(path), load([hosts]), RunOptions(connect=self.connect, **options)))

    def tasks(self, text: str, **options: Any) -> list[Event]:
        """Run a list of tasks as one play without facts."""
        body = "\n".join(f"    {line}" for line in text.strip("\n").splitlines())
        return self.play(f"- hosts: all\n  gather_facts: false\n  tasks:\n{body}\n", **options)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def results(events: list[Event], kind: str = "task") -> list[Result]:
    return [event for event in events if isinstance(event, Result) and event.kind == kind]


def statuses(events: list[Event]) -> list[str]:
    return [result.status for result in results(events)]
