"""Frames between controller and agent: length, kind, payload; a payload is a JSON object or a piece of content."""

from __future__ import annotations

import json
import re
import struct
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Union

MAX_PAYLOAD = 1 << 20
"""Bytes; a longer frame is a protocol error on both sides."""

CHUNK = 256 * 1024
"""Bytes of content in one blob frame."""

_HEAD = struct.Struct(">Ic")
_BLOB = struct.Struct(">32sQ")

Read = Callable[[int], bytes]


class ProtocolError(Exception):
    """The other side sent bytes that are no frame."""


class Blob(NamedTuple):
    """A piece of content, with the SHA-256 of the whole in hexadecimal."""

    digest: str
    offset: int
    data: bytes


Frame = Union[Dict[str, Any], Blob]


def encode(message: Mapping[str, Any]) -> bytes:
    """A JSON frame. What is no text (undecodable file names, binary output) becomes the replacement character."""
    return frame(b"J", payload_of(message))


def frame(kind: bytes, payload: bytes) -> bytes:
    """A payload with its head."""
    return _HEAD.pack(len(payload), kind) + payload


def payload_of(message: Mapping[str, Any]) -> bytes:
    """The JSON bytes of a message, which may be too many for one frame."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"), default=str)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", "\ufffd", text).encode()


def encode_blob(blob: Blob) -> bytes:
    """A frame with a piece of content."""
    return frame(b"B", _BLOB.pack(bytes.fromhex(blob.digest), blob.offset) + blob.data)


def read_frame(read: Read) -> Optional[Frame]:
    """The next frame; None when the other side has closed between two frames or within one."""
    head = _exactly(read, _HEAD.size)
    if head is None:
        return None
    length, kind = _HEAD.unpack(head)
    if length > MAX_PAYLOAD:
        raise ProtocolError("a frame of %d bytes" % length)
    payload = _exactly(read, length)
    return None if payload is None else decode(kind, payload)


def decode(kind: bytes, payload: bytes) -> Frame:
    """The value that a frame holds; ProtocolError for anything else."""
    if kind == b"B" and len(payload) >= _BLOB.size:
        digest, offset = _BLOB.unpack_from(payload)
        return Blob(digest.hex(), offset, payload[_BLOB.size :])
    if kind != b"J":
        raise ProtocolError("a frame of kind %r" % kind)
    try:
        message = json.loads(payload.decode())
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a frame that is no JSON: %s" % error) from error
    if not isinstance(message, dict):
        raise ProtocolError("a frame that is no object")
    return message


def _exactly(read: Read, count: int) -> Optional[bytes]:
    pieces = []
    while count:
        piece = read(count)
        if not piece:
            return None
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)
