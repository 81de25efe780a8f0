"""The door against a real SSH protocol on loopback: who is let in, whom we trust, and how a refusal is told."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import paramiko
import pytest

from provision.errors import Unreachable, UsageProblem
from provision.ssh.door import Door, connect, start_command
from provision.ssh.target import Target

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

HELLO = json.dumps({"event": "hello", "agent": "t", "python": "3", "uid": 0, "user": "root"}).encode()


class Login(paramiko.ServerInterface):
    """Lets one key in, and answers commands from a table; anything else becomes an agent that says hello."""

    def __init__(self, allowed: paramiko.PKey, commands: list[str]) -> None:
        self.allowed = allowed
        self.commands = commands

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL if key == self.allowed and username == "operator" else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.commands.append(command.decode())
        # A little late: the reply to the request itself has to be on the wire first.
        threading.Timer(0.05, self.answer, args=(channel, command.decode())).start()
        return True

    def answer(self, channel: paramiko.Channel, command: str) -> None:
        if command.startswith("sudo"):
            channel.sendall_stderr(b"sudo: a password is required\n")
            channel.send_exit_status(1)
        elif command == "uptime":
            channel.sendall(b"up 3 days\n")
            channel.send_exit_status(0)
        else:
            channel.sendall(b"Welcome!\n" + struct.pack(">Ic", len(HELLO), b"J") + HELLO)
            channel.recv(4)
            return
        channel.close()


@dataclass
class Server:
    """An SSH server in this process."""

    folder: Path
    host_key: paramiko.PKey = field(default_factory=lambda: paramiko.ECDSAKey.generate())
    user_key: paramiko.PKey = field(default_factory=lambda: paramiko.ECDSAKey.generate())
    commands: list[str] = field(default_factory=list)
    transports: list[paramiko.Transport] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.user_key.write_private_key_file(str(self.folder / "id"))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(sock)
            transport.add_server_key(self.host_key)
            self.transports.append(transport)
            try:
                transport.start_server(server=self.login(transport))
            except (paramiko.SSHException, EOFError):
                continue

    def login(self, transport: paramiko.Transport) -> Login:
        return Login(self.user_key, self.commands)

    def pin(self, name: str, key: paramiko.PKey | None = None) -> Path:
        key = key or self.host_key
        path = self.folder / "known_hosts"
        path.write_text(f"{name} {key.get_name()} {key.get_base64()}\n")
        return path

    def target(self) -> Target:
        known = self.pin("compute.7")
        return Target("tts-1", "127.0.0.1", self.port, "operator", (self.folder / "id",), (known,), "compute.7")

    def close(self) -> None:
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for transport in self.transports:
            transport.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.close()


@pytest.fixture
def door(server: Server) -> Iterator[Door]:
    door = connect(server.target())
    yield door
    door.close()


def test_a_pinned_host_is_entered_and_a_command_answers(door: Door) -> None:
    done = door.run("uptime")
    assert (done.exit_code, done.stdout) == (0, "up 3 days\n")


def test_small_packets_are_not_held_back(server: Server) -> None:
    door = connect(server.target())
    channel = door.agent()
    ours = channel._stream._channel.get_transport().sock  # type: ignore[attr-defined]
    assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    door.close()


def test_an_agent_starts_once_and_its_hello_is_found_behind_the_banner(door: Door, server: Server) -> None:
    assert door.agent().hello["user"] == "root"
    assert door.agent() is door.agent()
    assert len(server.commands) == 1


def test_the_login_user_needs_no_sudo(door: Door, server: Server) -> None:
    door.agent("operator")
    assert not server.commands[0].startswith("sudo")


def test_refused_sudo_says_how_to_allow_it(door: Door) -> None:
    with pytest.raises(Unreachable, match="sudo is refused on tts-1") as caught:
        door.agent("root")
    assert "sudoers" in caught.value.hint


def test_an_unknown_host_key_is_refused_with_the_line_that_adds_it(server: Server) -> None:
    with pytest.raises(Unreachable, match="not known") as caught:
        connect(replace(server.target(), host_key_alias="compute.8"))
    assert "ssh-keyscan" in caught.value.hint
    assert server.commands == []


def test_a_changed_host_key_is_refused(server: Server) -> None:
    target = server.target()
    server.pin("compute.7", paramiko.ECDSAKey.generate())
    with pytest.raises(Unreachable, match="has changed") as caught:
        connect(target)
    assert "ssh-keygen -R 'compute.7'" in caught.value.hint


def test_accept_new_writes_the_key_down_and_then_insists_on_it(server: Server) -> None:
    known = server.folder / "new_known_hosts"
    target = replace(server.target(), host_key_alias="", known_hosts=(known,), host_key_policy="accept-new")
    connect(target).close()
    assert f"[127.0.0.1]:{server.port}" in known.read_text()
    connect(replace(target, host_key_policy="yes")).close()


def test_a_refused_key_names_user_and_key(server: Server) -> None:
    other = server.folder / "other"
    paramiko.ECDSAKey.generate().write_private_key_file(str(other))
    with pytest.raises(Unreachable, match="refuses user operator") as caught:
        connect(replace(server.target(), key_files=(other,)))
    assert str(other) in caught.value.why


def test_a_key_file_that_is_missing_or_broken_is_wrong_input(server: Server) -> None:
    with pytest.raises(UsageProblem, match="no key file"):
        connect(replace(server.target(), key_files=(server.folder / "none",)))
    (server.folder / "junk").write_text("not a key")
    with pytest.raises(UsageProblem, match="no private key"):
        connect(replace(server.target(), key_files=(server.folder / "junk",)))


def test_a_closed_port_is_told_at_once(server: Server) -> None:
    target = server.target()
    server.close()
    with pytest.raises(Unreachable, match="does not answer") as caught:
        connect(target)
    assert "refused" in caught.value.why.lower()


def test_a_name_that_does_not_resolve_says_so() -> None:
    with pytest.raises(Unreachable, match="does not answer") as caught:
        connect(Target("h", "no-such-host.invalid"))
    assert "resolve" in caught.value.why


def test_the_start_command_prefers_the_systems_python_and_quotes_everything() -> None:
    plain = start_command("print('hi')", "", "")
    assert plain.startswith("/bin/sh -c") and "/usr/bin/python3" in plain
    assert start_command("x", "/opt/py", "app user") == "sudo -n -H -u 'app user' -- /opt/py -u -c x"
