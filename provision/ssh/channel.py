"""The wire to an agent: frames over any pair of byte streams, and the values that travel in them."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from provision.errors import ProvisionError, Unreachable

MAX_PAYLOAD = 1 << 20
"""Bytes; a longer frame is a protocol error on both sides."""

CHUNK = 256 * 1024
"""Bytes of content in one blob frame."""

_HEAD = struct.Struct(">Ic")
_BLOB = struct.Struct(">32sQ")
_FIRST_FRAME = b'J{"event"'


class ByteStream(Protocol):
    """What carries the frames: an SSH channel, or the pipes of a local process."""

    def send(self, data: bytes) -> None:
        """Write everything; OSError or EOFError when the other side is gone."""

    def receive(self, most: int) -> bytes:
        """Some bytes, or b"" at the end."""

    def last_words(self) -> str:
        """What the other side printed on stderr, for the error message."""

    def exit_code(self) -> int:
        """How the command ended; waits for it."""

    def close(self) -> None:
        """Let go."""


@dataclass(frozen=True)
class Request:
    """One module to run, as the agent understands it."""

    id: int
    group: int
    module: str
    args: Mapping[str, Any]
    check: bool = False
    diff: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    async_s: int = 0
    no_log: bool = False
    live: bool = True
    timeout_s: int = 0

    def message(self) -> dict[str, Any]:
        """The JSON object of the wire."""
        return {
            "op": "run",
            "id": self.id,
            "group": self.group,
            "module": self.module,
            "args": dict(self.args),
            "check": self.check,
            "diff": self.diff,
            "environment": dict(self.environment),
            "async_s": self.async_s,
            "no_log": self.no_log,
            "live": self.live,
            "timeout_s": self.timeout_s,
        }


@dataclass(frozen=True)
class Blob:
    """A piece of content, with the digest (SHA-256) of the whole."""

    digest: str
    offset: int
    data: bytes


Received = Mapping[str, Any] | Blob


class AgentChannel:
    """Frames to and from one agent. Used by one thread."""

    def __init__(self, stream: ByteStream, name: str) -> None:
        self._stream = stream
        self.name = name
        self._buffer = bytearray()
        self.hello: Mapping[str, Any] = {}

    def greet(self) -> Mapping[str, Any]:
        """Wait for the agent's first frame, past whatever a login shell printed before it."""
        while (start := self._buffer.find(_FIRST_FRAME)) < 4:
            self._fill()
        del self._buffer[: start - 4]
        hello = self.receive()
        if isinstance(hello, Blob) or hello.get("event") != "hello":
            raise Unreachable(
                f"the agent on {self.name} does not speak our protocol", f"its first words: {hello!r:.200}"
            )
        self.hello = hello
        return hello

    def send(self, *messages: Mapping[str, Any]) -> None:
        """Write messages in one go: one packet where they fit."""
        payloads = [json.dumps(message, default=str).encode() for message in messages]
        for message, payload in zip(messages, payloads, strict=True):
            if len(payload) > MAX_PAYLOAD:
                raise ProvisionError(
                    f"the arguments of {message.get('module', 'a call')} are too long for {self.name}",
                    f"{len(payload)} bytes; one call may have {MAX_PAYLOAD}",
                    "put the text into a file and copy that",
                )
        self._write(b"".join(_frame(b"J", payload) for payload in payloads))

    def send_content(self, digest: str, pieces: Iterator[bytes]) -> None:
        """Stream one content, then say that it is whole."""
        offset = 0
        key = bytes.fromhex(digest)
        for piece in pieces:
            self._write(_frame(b"B", _BLOB.pack(key, offset) + piece))
            offset += len(piece)
        self.send({"op": "blob_end", "digest": digest, "size": offset})

    def refuse_content(self, digest: str, problem: str) -> None:
        """Say that a content will not come; the task that needs it fails with this reason."""
        self.send({"op": "blob_end", "digest": digest, "size": 0, "problem": problem})

    def receive(self) -> Received:
        """The next frame, waiting for it. Unreachable when the agent is gone."""
        while len(self._buffer) < _HEAD.size:
            self._fill()
        length, kind = _HEAD.unpack_from(self._buffer)
        if length > MAX_PAYLOAD or kind not in b"JB":
            raise Unreachable(f"the agent on {self.name} sent bytes that are no frame", f"{bytes(self._buffer[:60])!r}")
        while len(self._buffer) < _HEAD.size + length:
            self._fill()
        payload = bytes(self._buffer[_HEAD.size : _HEAD.size + length])
        del self._buffer[: _HEAD.size + length]
        return _decode(kind, payload)

    def close(self) -> None:
        """Say goodbye if the wire still stands; never fails."""
        try:
            self.send({"op": "bye"})
            self._stream.close()
        except (Unreachable, OSError, EOFError):
            pass  # the wire is down already

    def _write(self, data: bytes) -> None:
        try:
            self._stream.send(data)
        except (OSError, EOFError) as error:
            raise self._lost(str(error)) from error

    def _fill(self) -> None:
        try:
            data = self._stream.receive(1 << 18)
        except (OSError, EOFError) as error:
            raise self._lost(str(error)) from error
        if not data:
            raise self._lost("")
        self._buffer += data

    def _lost(self, reason: str) -> Unreachable:
        words = self._stream.last_words().strip()
        if self.hello:
            why = words or reason or "the other side closed the connection"
            return Unreachable(
                f"the connection to {self.name} was lost", why, "repeat the command: it goes on where it was"
            )
        return explain_start(self.name, words, bytes(self._buffer[-300:]).decode(errors="replace").strip() or reason)


def explain_start(name: str, words: str, printed: str) -> Unreachable:
    """Why an agent did not come up, told from what sudo and the shell said."""
    if "sudo:" in words and ("password is required" in words or "askpass" in words or "not allowed" in words):
        return Unreachable(
            f"sudo is refused on {name}",
            words.splitlines()[-1],
            "allow it without a password (a file in /etc/sudoers.d), or connect as root",
        )
    if "sudo: not found" in words or "sudo: command not found" in words:
        return Unreachable(f"{name} has no sudo", words, "install sudo there, or connect as root")
    if "not found" in words or "No such file" in words:
        return Unreachable(
            f"{name} has no python3",
            words,
            f"on {name}: apt-get install python3 (3.8 or newer), or set ansible_python_interpreter",
        )
    return Unreachable(f"the agent did not start on {name}", words or printed or "it closed the connection at once")


def _frame(kind: bytes, payload: bytes) -> bytes:
    return _HEAD.pack(len(payload), kind) + payload


def _decode(kind: bytes, payload: bytes) -> Received:
    if kind == b"J":
        message: Mapping[str, Any] = json.loads(payload)
        return message
    digest, offset = _BLOB.unpack_from(payload)
    return Blob(digest.hex(), offset, payload[_BLOB.size :])
