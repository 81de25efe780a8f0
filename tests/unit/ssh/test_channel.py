"""Frames survive any cut, and a wire that breaks is told as what, why and next."""

import json
import struct
from collections.abc import Iterator

import pytest

from provision.errors import Unreachable
from provision.ssh.channel import MAX_PAYLOAD, AgentChannel, Blob, Request, explain_start


class Script:
    """A byte stream that says what it was told to, in pieces, and remembers what it heard."""

    def __init__(self, *pieces: bytes, stderr: str = "") -> None:
        self.pieces = list(pieces)
        self.heard = b""
        self.stderr = stderr
        self.closed = False

    def send(self, data: bytes) -> None:
        if self.closed:
            raise OSError("Socket is closed")
        self.heard += data

    def receive(self, most: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def last_words(self) -> str:
        return self.stderr

    def exit_code(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True


def frame(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">Ic", len(payload), kind) + payload


def said(**message: object) -> bytes:
    return frame(b"J", json.dumps(message).encode())


HELLO = said(event="hello", agent="0.1.0", python="3.11.2", uid=0, user="root", facts={})


def frames(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    while data:
        length, kind = struct.unpack_from(">Ic", data)
        yield kind, data[5 : 5 + length]
        data = data[5 + length :]


def greeted(*pieces: bytes) -> tuple[AgentChannel, Script]:
    script = Script(HELLO, *pieces)
    channel = AgentChannel(script, "tts-1")
    channel.greet()
    return channel, script


def test_the_first_frame_is_the_hello() -> None:
    channel, _ = greeted()
    assert channel.hello["user"] == "root"


def test_a_banner_before_the_hello_is_passed_over() -> None:
    channel = AgentChannel(Script(b"Welcome to tts-1!\nlast login: never\n" + HELLO), "tts-1")
    assert channel.greet()["python"] == "3.11.2"


def test_frames_may_arrive_a_byte_at_a_time() -> None:
    data = HELLO + said(event="result", id=1, result={"changed": True}, seconds=0.5)
    channel = AgentChannel(Script(*[data[i : i + 1] for i in range(len(data))]), "tts-1")
    channel.greet()
    answer = channel.receive()
    assert not isinstance(answer, Blob)
    assert answer["result"] == {"changed": True}


def test_many_frames_may_arrive_at_once() -> None:
    channel, _ = greeted(said(event="out", id=1, text="a") + said(event="out", id=1, text="b"))
    texts = [message["text"] for message in (channel.receive(), channel.receive()) if not isinstance(message, Blob)]
    assert texts == ["a", "b"]


def test_a_blob_carries_digest_and_offset() -> None:
    channel, _ = greeted(frame(b"B", bytes(range(32)) + struct.pack(">Q", 7) + b"abc"))
    assert channel.receive() == Blob(bytes(range(32)).hex(), 7, b"abc")


def test_content_goes_out_in_blob_frames_and_is_closed_with_its_size() -> None:
    channel, script = greeted()
    channel.send_content("ab" * 32, iter([b"one", b"two"]))
    sent = list(frames(script.heard))
    assert [kind for kind, _ in sent] == [b"B", b"B", b"J"]
    assert sent[1][1] == bytes.fromhex("ab" * 32) + struct.pack(">Q", 3) + b"two"
    assert json.loads(sent[2][1]) == {"op": "blob_end", "digest": "ab" * 32, "size": 6}


def test_a_request_names_everything_the_agent_needs() -> None:
    message = Request(3, 1, "copy", {"dest": "/x"}, check=True, environment={"A": "1"}).message()
    assert message["op"] == "run"
    assert (message["id"], message["group"], message["module"], message["check"]) == (3, 1, "copy", True)
    assert message["environment"] == {"A": "1"}


@pytest.mark.parametrize("junk", [struct.pack(">Ic", MAX_PAYLOAD + 1, b"J"), struct.pack(">Ic", 4, b"Z") + b"what"])
def test_bytes_that_are_no_frame_end_the_conversation(junk: bytes) -> None:
    channel, _ = greeted(junk)
    with pytest.raises(Unreachable, match="no frame"):
        channel.receive()


def test_a_connection_that_ends_is_lost_not_silent() -> None:
    channel, _ = greeted()
    with pytest.raises(Unreachable, match="connection to tts-1 was lost") as caught:
        channel.receive()
    assert "repeat" in caught.value.hint


def test_closing_twice_does_no_harm() -> None:
    channel, script = greeted()
    channel.close()
    channel.close()
    assert script.closed


@pytest.mark.parametrize(
    ("stderr", "what", "hint"),
    [
        ("sudo: a password is required", "sudo is refused on h", "sudoers"),
        ("sh: 1: sudo: not found", "h has no sudo", "root"),
        ("sudo: /usr/bin/python9: command not found", "h has no python3", "apt-get install python3"),
        ("bash: line 1: sudo: command not found", "h has no sudo", "root"),
        ("sh: 1: exec: python3: not found", "h has no python3", "apt-get install python3"),
        ("Killed", "the agent did not start on h", ""),
    ],
)
def test_an_agent_that_does_not_start_says_why(stderr: str, what: str, hint: str) -> None:
    problem = explain_start("h", stderr, "")
    assert problem.what == what
    assert hint in problem.hint


def test_a_target_that_hangs_up_before_the_hello_is_explained() -> None:
    channel = AgentChannel(Script(stderr="sudo: a password is required\n"), "tts-1")
    with pytest.raises(Unreachable, match="sudo is refused"):
        channel.greet()
