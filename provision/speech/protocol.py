"""The messages of moshi-server as frozen values, and their MessagePack bytes.

Every message is a map with the key `type`. Samples travel as an array of 32-bit floats, never as binary. As the server
does, we take any order of keys, keys that we do not know, and any kind of number; we refuse what it would refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

from provision.speech.audio import Samples
from provision.speech.failures import Malformed


@dataclass(frozen=True)
class Ready:
    """From the server: a slot is yours. For text to speech it is no proof of life: the model has not run yet."""


@dataclass(frozen=True)
class Error:
    """From the server: why it will not go on."""

    message: str


@dataclass(frozen=True)
class Text:
    """To text to speech: whole words, appended to what was sent before."""

    text: str


@dataclass(frozen=True)
class Eos:
    """To text to speech: no more words. Without it the last words are never spoken."""


@dataclass(frozen=True)
class Voice:
    """To text to speech, before the first Text: the embedding of a voice."""

    embeddings: tuple[float, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class SpokenText:
    """From text to speech: a word and when it is spoken. On the wire its type is `Text` too."""

    text: str
    start_s: float
    stop_s: float


@dataclass(frozen=True, eq=False)
class Audio:
    """Sound, in either direction: 1,920 samples make a frame of 80 ms."""

    pcm: Samples

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Audio) and np.array_equal(self.pcm, other.pcm)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class OggOpus:
    """Sound as Ogg pages, in either direction, when asked for."""

    data: bytes


@dataclass(frozen=True)
class Step:
    """From speech to text: one step of the model; `prs` are the chances of a pause of 0.5, 1, 2 and 3 s."""

    step_idx: int
    prs: tuple[float, ...]
    buffered_pcm: int


@dataclass(frozen=True)
class Word:
    """From speech to text: a word begins."""

    text: str
    start_time: float


@dataclass(frozen=True)
class EndWord:
    """From speech to text: the last word ended."""

    stop_time: float


@dataclass(frozen=True)
class Marker:
    """To speech to text, and back when all audio before it has been heard."""

    id: int


@dataclass(frozen=True)
class Init:
    """Known to speech to text, which says it to itself; clients need not."""


Message = Ready | Error | Text | Eos | Voice | SpokenText | Audio | OggOpus | Step | Word | EndWord | Marker | Init

_AUDIO_HEAD = b"\x82\xa4type\xa5Audio\xa3pcm"
_WIRE_SAMPLE = np.dtype([("tag", "u1"), ("value", ">f4")])
_FLOAT32 = 0xCA


def encode(message: Message) -> bytes:
    """The bytes of a message, exactly as the server itself would write them."""
    match message:
        case Audio(pcm):
            return _AUDIO_HEAD + _encode_samples(pcm)
        case SpokenText(text, start_s, stop_s):
            return _pack({"type": "Text", "text": text, "start_s": start_s, "stop_s": stop_s})
        case OggOpus(data):
            return _pack({"type": "OggOpus", "data": list(data)})
        case Voice() | Step():
            return _pack(_fields(message), single=True)
        case _:
            return _pack(_fields(message))


def decode(data: bytes) -> Message:
    """The message in these bytes; raises Malformed for anything that the protocol does not know."""
    return _decode_audio(data) or _decode_any(data)


def _fields(message: Message) -> dict[str, Any]:
    return {"type": type(message).__name__, **vars(message)}


def _pack(fields: Mapping[str, Any], single: bool = False) -> bytes:
    packed = msgpack.packb(fields, use_single_float=single)
    assert isinstance(packed, bytes)
    return packed


def _encode_samples(pcm: Samples) -> bytes:
    wire = np.empty(len(pcm), _WIRE_SAMPLE)
    wire["tag"] = _FLOAT32
    wire["value"] = pcm
    return _array_head(len(pcm)) + wire.tobytes()


def _array_head(length: int) -> bytes:
    if length < 16:
        return bytes([0x90 | length])
    return b"\xdc" + length.to_bytes(2, "big") if length < 0x10000 else b"\xdd" + length.to_bytes(4, "big")


def _decode_audio(data: bytes) -> Audio | None:
    """The short way for the one message that comes by the thousand: samples as the server writes them."""
    if not data.startswith(_AUDIO_HEAD):
        return None
    for head in (3, 1, 5):
        body = len(_AUDIO_HEAD) + head
        length, rest = divmod(len(data) - body, _WIRE_SAMPLE.itemsize)
        if rest == 0 and length >= 0 and data[len(_AUDIO_HEAD) : body] == _array_head(length):
            wire = np.frombuffer(data, _WIRE_SAMPLE, length, body)
            return Audio(wire["value"].astype(np.float32)) if (wire["tag"] == _FLOAT32).all() else None
    return None


def _decode_any(data: bytes) -> Message:
    fields = _unpack(data)
    kind = fields.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise Malformed(f"the server sent a message of the unknown type {kind!r}")
    return reader(fields)


def _unpack(data: bytes) -> Mapping[str, Any]:
    try:
        fields = msgpack.unpackb(data)
    except (ValueError, msgpack.UnpackException) as error:
        raise Malformed(
            f"the server sent {len(data)} bytes that are no MessagePack: {data[:16].hex(' ')}",
            "raw Ogg begins with 4f 67 67 53: the format asked for was not PcmMessagePack"
            if _is_ogg(data)
            else str(error),
        ) from error
    if not isinstance(fields, dict):
        raise Malformed(f"the server sent a MessagePack {type(fields).__name__} where a map belongs")
    return fields


def _is_ogg(data: bytes) -> bool:
    return data.startswith(b"OggS")


def _text(fields: Mapping[str, Any]) -> Text | SpokenText:
    text = _string(fields, "text")
    if "start_s" not in fields and "stop_s" not in fields:
        return Text(text)
    return SpokenText(text, _number(fields, "start_s"), _number(fields, "stop_s"))


def _voice(fields: Mapping[str, Any]) -> Voice:
    shape = tuple(int(size) for size in _numbers(fields, "shape"))
    return Voice(tuple(float(value) for value in _numbers(fields, "embeddings")), shape)


def _step(fields: Mapping[str, Any]) -> Step:
    prs = tuple(float(value) for value in _numbers(fields, "prs"))
    return Step(_integer(fields, "step_idx"), prs, _integer(fields, "buffered_pcm"))


def _ogg(fields: Mapping[str, Any]) -> OggOpus:
    data = _numbers(fields, "data")
    if not all(isinstance(byte, int) and 0 <= byte < 256 for byte in data):
        raise Malformed("the server sent an OggOpus message whose `data` are not bytes as numbers")
    return OggOpus(bytes(data))


def _field(fields: Mapping[str, Any], name: str, wanted: str, good: Callable[[Any], bool]) -> Any:
    if name not in fields:
        raise Malformed(f"the server sent a {fields['type']} message without `{name}`")
    if not good(fields[name]):
        found = type(fields[name]).__name__
        raise Malformed(f"the server sent a {fields['type']} message whose `{name}` is {found}, not {wanted}")
    return fields[name]


def _string(fields: Mapping[str, Any], name: str) -> str:
    return str(_field(fields, name, "a text", lambda value: isinstance(value, str)))


def _number(fields: Mapping[str, Any], name: str) -> float:
    return float(_field(fields, name, "a number", _is_number))


def _integer(fields: Mapping[str, Any], name: str) -> int:
    return int(_field(fields, name, "a whole number", lambda value: type(value) is int))


def _numbers(fields: Mapping[str, Any], name: str) -> list[Any]:
    values: list[Any] = _field(fields, name, "a list of numbers", lambda value: isinstance(value, list))
    if not all(map(_is_number, values)):
        raise Malformed(f"the server sent a {fields['type']} message whose `{name}` holds more than numbers")
    return values


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Message]] = {
    "Ready": lambda fields: Ready(),
    "Error": lambda fields: Error(_string(fields, "message")),
    "Text": _text,
    "Eos": lambda fields: Eos(),
    "Voice": _voice,
    "Audio": lambda fields: Audio(np.array(_numbers(fields, "pcm"), np.float32)),
    "OggOpus": _ogg,
    "Step": _step,
    "Word": lambda fields: Word(_string(fields, "text"), _number(fields, "start_time")),
    "EndWord": lambda fields: EndWord(_number(fields, "stop_time")),
    "Marker": lambda fields: Marker(_integer(fields, "id")),
    "Init": lambda fields: Init(),
}
