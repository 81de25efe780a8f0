"""Frames byte by byte: what both sides must agree on for ever."""

from __future__ import annotations

import hashlib
import io
import json
import random
import struct

import pytest

from provision.agent import wire
from provision.agent.wire import Blob, ProtocolError

DIGEST = hashlib.sha256(b"abc").hexdigest()


def test_a_json_frame_byte_by_byte() -> None:
    assert wire.encode({"op": "bye"}) == b'\x00\x00\x00\x0cJ{"op":"bye"}'


def test_a_piece_of_content_byte_by_byte() -> None:
    frame = wire.encode_blob(Blob(DIGEST, 5, b"xyz"))
    assert frame == b"\x00\x00\x00\x2bB" + bytes.fromhex(DIGEST) + b"\x00\x00\x00\x00\x00\x00\x00\x05xyz"


def test_the_controller_reads_what_the_agent_writes() -> None:
    from provision.ssh import channel

    frame = wire.encode_blob(Blob(DIGEST, 7, b"data"))
    assert channel._decode(b"B", frame[5:]) == channel.Blob(DIGEST, 7, b"data")
    assert (channel.MAX_PAYLOAD, channel.CHUNK) == (wire.MAX_PAYLOAD, wire.CHUNK)
    assert wire.encode({"event": "hello"})[4:].startswith(channel._FIRST_FRAME)


def test_the_agent_reads_what_the_controller_writes() -> None:
    from provision.ssh import channel

    request = channel.Request(3, 1, "copy", {"dest": "/é"}).message()
    stream = io.BytesIO(channel._frame(b"J", json.dumps(request).encode()))
    assert wire.read_frame(stream.read) == request


def test_frames_are_read_one_after_the_other_however_they_arrive() -> None:
    data = wire.encode({"a": 1}) + wire.encode_blob(Blob(DIGEST, 0, b"")) + wire.encode({"b": "ü"})
    pieces = iter(bytes([byte]) for byte in data)
    read = lambda count: next(pieces, b"")  # noqa: E731
    assert wire.read_frame(read) == {"a": 1}
    assert wire.read_frame(read) == Blob(DIGEST, 0, b"")
    assert wire.read_frame(read) == {"b": "ü"}
    assert wire.read_frame(read) is None


@pytest.mark.parametrize("length", [1, 4, 8, 16])
def test_a_frame_that_breaks_off_is_the_end(length: int) -> None:
    assert wire.read_frame(io.BytesIO(wire.encode({"op": "cancel"})[:length]).read) is None


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">Ic", wire.MAX_PAYLOAD + 1, b"J"),
        struct.pack(">Ic", 2, b"X") + b"{}",
        struct.pack(">Ic", 3, b"B") + b"abc",
        struct.pack(">Ic", 2, b"J") + b"[]",
        struct.pack(">Ic", 3, b"J") + b"{,}",
        struct.pack(">Ic", 2, b"J") + b"\xff\xfe",
        struct.pack(">Ic", 200_000, b"J") + b"[" * 200_000,
        b"Last login: yesterday\r\n" + b"x" * 2_000_000,
    ],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        wire.read_frame(io.BytesIO(data).read)


def test_random_bytes_end_in_a_value_or_a_refusal_and_never_in_a_traceback() -> None:
    chance = random.Random(7)
    for _ in range(3000):
        head = struct.pack(">Ic", chance.randrange(64), chance.choice([b"J", b"B", b"?"]))
        stream = io.BytesIO(head + chance.randbytes(chance.randrange(80)))
        try:
            frame = wire.read_frame(stream.read)
        except ProtocolError:
            continue
        assert frame is None or isinstance(frame, (dict, Blob))


def test_names_that_are_no_text_become_replacement_characters() -> None:
    message = {"path": b"caf\xe9".decode("utf-8", "surrogateescape"), "broken": "\ud800"}
    assert json.loads(wire.encode(message)[5:].decode()) == {"path": "caf�", "broken": "�"}


def test_what_json_has_no_word_for_is_sent_as_text() -> None:
    assert b'"1+2j"' not in wire.encode({"x": "y"})
    assert json.loads(wire.encode({"x": {1}})[5:]) == {"x": "{1}"}
