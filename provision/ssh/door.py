"""The door to a host: one Fabric connection, and one agent per become user over it."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import fabric
import paramiko
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import (
    AuthenticationException,
    BadHostKeyException,
    NoValidConnectionsError,
    PasswordRequiredException,
    SSHException,
)

from provision.agent.boot import bootstrap
from provision.errors import Unreachable, UsageProblem
from provision.ssh import localhost
from provision.ssh.channel import AgentChannel, ByteStream
from provision.ssh.target import Target, login_user, target_from
from provision.ssh.trust import HostKeyMismatch, known_hosts_files, trust

_START = 'p=/usr/bin/python3; [ -x "$p" ] || p=python3; exec "$p" -u -c "$0"'


@dataclass(frozen=True)
class Completed:
    """What a plain command printed, and how it ended."""

    exit_code: int
    stdout: str
    stderr: str


class Door:
    """An open way to one host. Agents start when first asked for and live as long as the door."""

    def __init__(self, target: Target, open_stream: Callable[[str], ByteStream], shut: Callable[[], None]) -> None:
        self.target = target
        self._open_stream = open_stream
        self._shut = shut
        self._agents: dict[str, AgentChannel] = {}

    @classmethod
    def around(cls, connection: fabric.Connection) -> Door:
        """A door over a connection that somebody else made and will close (a Fabric task's)."""
        if not connection.is_connected:
            connection.open()
        target = target_from(str(connection.host), {"ansible_port": connection.port, "ansible_user": connection.user})
        return cls(target, _streams_over(connection), lambda: None)

    def agent(self, become_user: str = "") -> AgentChannel:
        """The agent of that user (the login user when empty), started if need be."""
        user = "" if become_user == (self.target.user or login_user()) else become_user
        if user not in self._agents:
            self._agents[user] = self._start(user)
        return self._agents[user]

    def run(self, command: str) -> Completed:
        """Run one shell command without an agent, as the login user."""
        stream = self._open_stream(command)
        pieces = list(iter(lambda: stream.receive(1 << 16), b""))
        return Completed(stream.exit_code(), b"".join(pieces).decode(errors="replace"), stream.last_words())

    def close(self) -> None:
        """Agents first, then the connection; never fails."""
        while self._agents:  # closed from the main thread while a worker may be starting one
            self._agents.popitem()[1].close()
        self._shut()

    def _start(self, user: str) -> AgentChannel:
        code, payload = bootstrap()
        stream = self._open_stream(start_command(code, self.target.python, user))
        channel = AgentChannel(stream, self.target.name)
        try:
            stream.send(payload)
        except (OSError, EOFError):
            pass  # a shell that has no python3 hangs up first: greet() tells why
        channel.greet()
        return channel


def start_command(code: str, python: str, user: str) -> str:
    """The shell command that becomes an agent on the target."""
    if python:
        command = f"{python} -u -c {shlex.quote(code)}"
    else:
        command = f"/bin/sh -c {shlex.quote(_START)} {shlex.quote(code)}"
    return f"sudo -n -H -u {shlex.quote(user)} -- {command}" if user else command


def connect(target: Target) -> Door:
    """Open the way to a host, its key checked before anything is sent. Unreachable with the reason otherwise."""
    if target.local:
        return Door(target, localhost.open_stream, lambda: None)
    connection = _connection(target)
    try:
        connection.open()
    except (OSError, EOFError, SSHException) as error:
        connection.close()
        raise _explained(target, error) from error
    connection.transport.set_keepalive(target.keepalive_s)
    return Door(replace(target, user=str(connection.user)), _streams_over(connection), connection.close)


def _connection(target: Target) -> fabric.Connection:
    gateway = _connection(_jump_target(target)) if target.jump else None
    wanted: dict[str, Any] = {"allow_agent": not target.key_files, "look_for_keys": not target.key_files}
    if target.key_files:
        wanted["pkey"] = _private_key(target)
        wanted["key_filename"] = [str(path) for path in target.key_files[1:]]
    connection = fabric.Connection(
        target.address,
        user=target.user or None,
        port=target.port if target.port != 22 else None,
        gateway=gateway,
        connect_timeout=target.connect_timeout_s,
        connect_kwargs=wanted,
    )
    looked_up_as = connection.host if connection.port == 22 else f"[{connection.host}]:{connection.port}"
    trust(connection.client, target, looked_up_as)
    if connection.gateway is None:
        connection.connect_kwargs["sock"] = _socket(target, connection.host, connection.port)
    return connection


def _private_key(target: Target) -> paramiko.PKey:
    """The host's own key, read by its true type: paramiko's guessing hides a refusal behind a parse error."""
    path = target.key_files[0]
    try:
        return paramiko.PKey.from_path(path)
    except FileNotFoundError as error:
        raise UsageProblem(
            f"{target.name}: there is no key file {path}", hint="set ansible_ssh_private_key_file"
        ) from error
    except (PasswordRequiredException, TypeError) as error:  # TypeError is what PKey.from_path lets through
        raise UsageProblem(f"{target.name}: the key {path} has a passphrase", hint=f"ssh-add {path}") from error
    except (OSError, ValueError, SSHException, UnknownKeyType) as error:
        raise UsageProblem(f"{target.name}: {path} is no private key that can be read", str(error)) from error


def _jump_target(target: Target) -> Target:
    user, _, place = target.jump.rpartition("@")
    host, _, port = place.partition(":")
    return Target(
        name=f"{target.name} (through {host})",
        address=host,
        port=int(port or 22),
        user=user,
        key_files=target.key_files,
        known_hosts=target.known_hosts,
        host_key_policy=target.host_key_policy,
        connect_timeout_s=target.connect_timeout_s,
    )


def _socket(target: Target, host: str, port: int) -> socket.socket:
    """A TCP socket that does not wait to fill packets (40 ms an exchange otherwise) and notices a dead peer in 30 s."""
    try:
        sock = socket.create_connection((host, port), timeout=target.connect_timeout_s)
    except OSError as error:
        raise _explained(target, error) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
    return sock


def _explained(target: Target, error: Exception) -> Unreachable:
    place = f"{target.name} ({target.address} port {target.port})"
    known = known_hosts_files(target)[0]
    match error:
        case BadHostKeyException():
            return HostKeyMismatch(
                f"the host key of {place} has changed",
                f"{known} holds another key under {target.trust_name}: a re-created machine, or somebody in between",
                f"if you know why: ssh-keygen -R '{target.trust_name}' -f {known}",
            )
        case AuthenticationException():
            tried = ", ".join(map(str, target.key_files)) or "the keys of ssh-agent and ~/.ssh"
            user = target.user or login_user()
            return Unreachable(
                f"{place} refuses user {user}",
                f"none of these keys is accepted: {tried}",
                "set ansible_user and ansible_ssh_private_key_file",
            )
        case SSHException() if "not found in known_hosts" in str(error):
            return Unreachable(
                f"the host key of {place} is not known",
                f"{known} has no entry for {target.trust_name}, and keys are never added silently",
                f"check it out of band, then: ssh-keyscan -p {target.port} {target.address} >> {known}",
            )
        case NoValidConnectionsError() | OSError():
            return Unreachable(f"{place} does not answer", _plain(error), _network_hint(target))
        case _:
            return Unreachable(f"no SSH session with {place}", str(error) or type(error).__name__)


def _plain(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "its name does not resolve"
    if isinstance(error, TimeoutError):
        return "no answer in time: the machine is down, or a firewall drops the packets"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _network_hint(target: Target) -> str:
    return f"provision list shows whether it runs; ssh -v -p {target.port} {target.address} shows the rest"


class _SshStream:
    """One SSH channel running a command, as a ByteStream."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    def send(self, data: bytes) -> None:
        self._channel.sendall(data)

    def receive(self, most: int) -> bytes:
        return self._channel.recv(most)

    def last_words(self) -> str:
        pieces = []
        self._channel.settimeout(2.0)
        try:
            while piece := self._channel.recv_stderr(1 << 14):
                pieces.append(piece)
        except (OSError, EOFError):
            pass  # a dead connection has no more to say
        return b"".join(pieces).decode(errors="replace")

    def exit_code(self) -> int:
        return self._channel.recv_exit_status()

    def close(self) -> None:
        self._channel.close()


def _streams_over(connection: fabric.Connection) -> Callable[[str], ByteStream]:
    def open_stream(command: str) -> ByteStream:
        try:
            channel = connection.transport.open_session()
            channel.exec_command(command)
        except (OSError, EOFError, SSHException) as error:
            raise Unreachable(f"no session on {connection.host}", str(error) or type(error).__name__) from error
        return _SshStream(channel)

    return open_stream
