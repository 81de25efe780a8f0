"""An open door over a real SSH protocol on loopback: several agents, keepalive, hanging up, and being hung up on."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from provision.errors import Unreachable, UsageProblem
from provision.ssh import door as door_module
from provision.ssh.channel import Blob
from provision.ssh.door import Door, connect

from .test_channel import HELLO, frames, said
from .test_door import Login, Server

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


class Chatty(Login):
    """Agents of any user; each answers what the test scripted, after the payload with the sources has come."""

    script: tuple[bytes, ...] = ()
    hang_up_after: bool = False

    def answer(self, channel: paramiko.Channel, command: str) -> None:
        if command == "both":
            channel.sendall(b"out\xff\n")
            channel.sendall_stderr(b"err\n")
            channel.send_exit_status(3)
            channel.close()
            return
        for piece in (HELLO, *self.script):
            channel.sendall(piece)
        if self.hang_up_after:
            channel.get_transport().close()

    def check_channel_direct_tcpip_request(self, chanid: int, origin: tuple[str, int], to: tuple[str, int]) -> int:
        self.commands.append(f"jump to {to[0]}:{to[1]}")
        self.forward_to = to
        threading.Timer(0.05, self._forward, args=(chanid, to)).start()
        return paramiko.OPEN_SUCCEEDED

    def _forward(self, chanid: int, to: tuple[str, int]) -> None:
        channel = next(c for c in iter(lambda: self.transport.accept(2), None) if c.get_id() == chanid)
        sock = socket.create_connection(to)
        for source, sink in ((channel, sock), (sock, channel)):
            threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: object, sink: object) -> None:
    try:
        while data := source.recv(1 << 14):  # type: ignore[attr-defined]
            sink.sendall(data)  # type: ignore[attr-defined]
    except (OSError, EOFError):
        pass
    sink.close()  # type: ignore[attr-defined]


class ChattyServer(Server):
    """A server whose logins are chatty."""

    def login(self, transport: paramiko.Transport) -> Chatty:
        login = Chatty(self.user_key, self.commands)
        login.script, login.hang_up_after = self.script, self.hang_up_after
        login.transport = transport
        return login

    script: tuple[bytes, ...] = ()
    hang_up_after: bool = False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChattyServer]:
    server = ChattyServer(tmp_path)
    yield server
    server.close()


@pytest.fixture
def door(server: ChattyServer) -> Iterator[Door]:
    door = connect(server.target())
    yield door
    door.close()


def test_a_command_tells_both_streams_and_its_exit_code_whatever_bytes_come(door: Door) -> None:
    done = door.run("both")
    assert (done.exit_code, done.stdout, done.stderr) == (3, "out\ufffd\n", "err\n")


def test_each_become_user_has_an_agent_of_its_own_over_one_connection(door: Door, server: ChattyServer) -> None:
    agents = [door.agent(), door.agent("root"), door.agent("app user")]
    assert len(set(map(id, agents))) == 3
    assert [door.agent(), door.agent("root"), door.agent("app user")] == agents
    assert [command.split(" -- ")[0] for command in server.commands[1:]] == [
        "sudo -n -H -u root",
        "sudo -n -H -u 'app user'",
    ]
    assert len(server.transports) == 1


def test_agents_answer_in_their_own_channels(server: ChattyServer) -> None:
    server.script = (said(event="result", id=1, result={"changed": True}),)
    door = connect(server.target())
    one, other = door.agent(), door.agent("root")
    for agent in (other, one):
        answer = agent.receive()
        assert not isinstance(answer, Blob) and answer["id"] == 1
    door.close()


def test_a_connection_lost_in_the_middle_of_a_conversation_is_told_as_lost(server: ChattyServer) -> None:
    server.script = (said(event="out", id=1, text="Compiling"),)
    server.hang_up_after = True
    door = connect(server.target())
    agent = door.agent()
    assert agent.receive()["text"] == "Compiling"  # type: ignore[index]
    with pytest.raises(Unreachable, match="connection to tts-1 was lost") as caught:
        agent.receive()
    assert "repeat the command" in caught.value.hint
    door.close()


def test_a_lost_connection_opens_no_new_session(door: Door, server: ChattyServer) -> None:
    door.agent()
    server.transports[0].close()
    with pytest.raises(Unreachable):
        door.agent("root")
    with pytest.raises(Unreachable):
        door.run("uptime")


def test_closing_says_goodbye_to_every_agent_and_may_be_done_twice(server: ChattyServer) -> None:
    door = connect(server.target())
    heard: list[bytes] = []
    for agent in (door.agent(), door.agent("root")):
        send = agent._stream.send
        agent._stream.send = lambda data, send=send: (heard.append(data), send(data))  # type: ignore[method-assign,misc]
    door.close()
    assert [json.loads(payload) for data in heard for _, payload in frames(data)] == [{"op": "bye"}] * 2
    server.transports[0].join(2)
    assert not server.transports[0].is_active()
    door.close()


def test_the_connection_is_kept_alive_as_often_as_the_target_says(
    server: ChattyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(paramiko.Transport, "set_keepalive", lambda self, seconds: asked.append(seconds))
    connect(replace(server.target(), keepalive_s=7)).close()
    assert asked == [7]


def test_a_dead_peer_is_noticed_by_the_kernel_in_30_seconds(server: ChattyServer) -> None:
    sock = door_module._socket(server.target(), "127.0.0.1", server.port)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
    sock.close()


def test_a_jump_host_carries_the_connection_and_both_keys_are_checked(tmp_path: Path) -> None:
    (tmp_path / "gate").mkdir()
    (tmp_path / "host").mkdir()
    gate, host = ChattyServer(tmp_path / "gate"), ChattyServer(tmp_path / "host")
    gate.user_key = host.user_key
    known = tmp_path / "known"
    known.write_text(
        f"[127.0.0.1]:{gate.port} {gate.host_key.get_name()} {gate.host_key.get_base64()}\n"
        f"[127.0.0.1]:{host.port} {host.host_key.get_name()} {host.host_key.get_base64()}\n"
    )
    target = replace(host.target(), host_key_alias="", known_hosts=(known,), jump=f"operator@127.0.0.1:{gate.port}")
    door = connect(target)
    assert door.run("both").exit_code == 3
    assert gate.commands == [f"jump to 127.0.0.1:{host.port}"]
    assert host.commands == ["both"]
    door.close()
    known.write_text(f"[127.0.0.1]:{host.port} {host.host_key.get_name()} {host.host_key.get_base64()}\n")
    with pytest.raises(Unreachable):
        connect(target)
    assert len(host.commands) == 1
    for server in (gate, host):
        server.close()


def test_a_key_with_a_passphrase_is_told_with_the_way_out(server: ChattyServer) -> None:
    locked = server.folder / "locked"
    paramiko.ECDSAKey.generate().write_private_key_file(str(locked), password="open sesame")
    with pytest.raises(UsageProblem, match="has a passphrase") as caught:
        connect(replace(server.target(), key_files=(locked,)))
    assert caught.value.hint == f"ssh-add {locked}"


def test_a_second_key_is_tried_when_the_first_is_refused(server: ChattyServer) -> None:
    other = server.folder / "other"
    paramiko.ECDSAKey.generate().write_private_key_file(str(other))
    connect(replace(server.target(), key_files=(other, server.folder / "id"))).close()


def test_a_host_that_is_no_ssh_server_says_no_session(tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
    server = ChattyServer(tmp_path)
    with pytest.raises(Unreachable, match="tts-1"):
        connect(replace(server.target(), port=listener.getsockname()[1]))
    listener.close()
    server.close()


def test_without_strict_checking_an_unknown_host_is_entered_and_nothing_written(server: ChattyServer) -> None:
    known = server.folder / "none"
    connect(replace(server.target(), host_key_policy="no", known_hosts=(known,))).close()
    assert not known.exists()


def test_accept_new_does_not_accept_a_changed_key(server: ChattyServer) -> None:
    target = replace(server.target(), host_key_policy="accept-new")
    before = server.pin("compute.7", paramiko.ECDSAKey.generate()).read_text()
    with pytest.raises(Unreachable, match="has changed"):
        connect(target)
    assert (server.folder / "known_hosts").read_text() == before
