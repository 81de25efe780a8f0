"""The bytes of moshi-server's messages: golden vectors of the real serializer, and what is taken or refused."""

from __future__ import annotations

import msgpack
import numpy as np
import pytest

from provision.speech.failures import Malformed
from provision.speech.protocol import (
    Audio,
    EndWord,
    Eos,
    Error,
    Init,
    Marker,
    OggOpus,
    Ready,
    SpokenText,
    Step,
    Text,
    Voice,
    Word,
    decode,
    encode,
)


def pcm(*samples: float) -> np.ndarray:
    return np.array(samples, np.float32)


# As rmp-serde writes them, with_human_readable().with_struct_map().
GOLDEN = {
    "Ready": (Ready(), "81a474797065a55265616479"),
    "Error": (
        Error("no free channels"),
        "82a474797065a54572726f72a76d657373616765b06e6f2066726565206368616e6e656c73",
    ),
    "Text": (
        SpokenText("Hello", 0.16, 0.4),
        "84a474797065a454657874a474657874a548656c6c6fa773746172745f73cb3fc47ae147ae147ba673746f705f73cb3fd999999999999a",
    ),
    "Audio": (Audio(pcm(0, 0.5, -0.25)), "82a474797065a5417564696fa370636d93ca00000000ca3f000000cabe800000"),
    "Step": (
        Step(7, tuple(float(np.float32(chance)) for chance in (0.1, 0.2, 0.3, 0.9)), 1920),
        "84a474797065a453746570a8737465705f69647807a370727394ca3dcccccdca3e4ccccdca3e99999aca3f666666"
        "ac62756666657265645f70636dcd0780",
    ),
    "Word": (
        Word("Bonjour,", 1.68),
        "83a474797065a4576f7264a474657874a8426f6e6a6f75722caa73746172745f74696d65cb3ffae147ae147ae1",
    ),
    "EndWord": (EndWord(2.0), "82a474797065a7456e64576f7264a973746f705f74696d65cb4000000000000000"),
    "Marker": (Marker(0), "82a474797065a64d61726b6572a2696400"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_message_is_written_as_the_server_writes_it(name: str) -> None:
    message, golden = GOLDEN[name]
    assert encode(message).hex() == golden


@pytest.mark.parametrize("name", GOLDEN)
def test_a_message_of_the_server_is_read(name: str) -> None:
    message, golden = GOLDEN[name]
    assert decode(bytes.fromhex(golden)) == message


@pytest.mark.parametrize(
    "message",
    [
        Text("l'été"),
        Eos(),
        Init(),
        OggOpus(b"OggS\x00\xff"),
        Voice((0.5, -1.0), (1, 2)),
        Marker(-5),
        SpokenText("", 0.0, 0.0),
        Audio(pcm()),
        Audio(pcm(*[0.25] * 15)),
        Audio(pcm(*[0.25] * 16)),
        Audio(pcm(*[-1.0] * 65_535)),
        Audio(pcm(*[-1.0] * 65_536)),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_survives_the_way_there_and_back(message: object) -> None:
    assert decode(encode(message)) == message  # type: ignore[arg-type]


def test_a_frame_of_audio_has_the_size_that_the_server_sends() -> None:
    assert len(encode(Audio(np.zeros(1920, np.float32)))) == 9_619


@pytest.mark.parametrize("length", [0, 1, 15, 16, 1920, 65_535, 65_536])
def test_audio_is_written_as_msgpack_itself_would(length: int) -> None:
    samples = np.linspace(-1, 1, length).astype(np.float32)
    by_msgpack = msgpack.packb({"type": "Audio", "pcm": samples.tolist()}, use_single_float=True)
    assert encode(Audio(samples)) == by_msgpack


@pytest.mark.parametrize(
    "samples",
    [[0.5, -0.25], [0, 1, -1], [0.5, 1, -1.0]],
    ids=["64-bit floats", "integers", "a mixture"],
)
def test_samples_may_be_any_kind_of_number(samples: list[float]) -> None:
    assert decode(msgpack.packb({"type": "Audio", "pcm": samples})) == Audio(pcm(*samples))


def test_the_order_of_keys_and_unknown_keys_do_not_matter() -> None:
    data = msgpack.packb({"extra": 1, "pcm": [0.5], "type": "Audio"}, use_single_float=True)
    assert decode(data) == Audio(pcm(0.5))


def test_text_of_a_client_and_of_the_server_are_told_apart() -> None:
    assert decode(msgpack.packb({"type": "Text", "text": "a"})) == Text("a")
    assert decode(msgpack.packb({"type": "Text", "text": "a", "start_s": 0, "stop_s": 1})) == SpokenText("a", 0.0, 1.0)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"type": "ready"}, "unknown type 'ready'"),
        ({"type": "Bark"}, "unknown type 'Bark'"),
        ({"type": 7}, "unknown type 7"),
        ({"type": ["Ready"]}, "unknown type"),
        ({}, "unknown type None"),
        ({"type": "Text"}, "without `text`"),
        ({"type": "Text", "text": 5}, "`text` is int"),
        ({"type": "Text", "text": "a", "start_s": 0.0}, "without `stop_s`"),
        ({"type": "Error"}, "without `message`"),
        ({"type": "Audio"}, "without `pcm`"),
        ({"type": "Audio", "pcm": b"\x00\x00"}, "`pcm` is bytes"),
        ({"type": "Audio", "pcm": ["a"]}, "more than numbers"),
        ({"type": "Audio", "pcm": [True]}, "more than numbers"),
        ({"type": "OggOpus", "data": b"OggS"}, "`data` is bytes"),
        ({"type": "OggOpus", "data": [256]}, "not bytes"),
        ({"type": "Marker", "id": 1.5}, "`id` is float"),
        ({"type": "Marker", "id": True}, "`id` is bool"),
        ({"type": "Step", "step_idx": 1, "prs": 0.5, "buffered_pcm": 0}, "`prs` is float"),
    ],
)
def test_what_the_protocol_does_not_know_is_refused_by_name(fields: dict[str, object], what: str) -> None:
    with pytest.raises(Malformed) as refused:
        decode(msgpack.packb(fields))
    assert what in refused.value.what


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x81",
        b"\xdd\xff\xff\xff\xff",
        b"\x81\xa4type\xa5Ready\x00",
        b"\x81\x01\x02",
        b"\x81\xa4type\xa2\xff\xff",
    ],
    ids=["nothing", "never used byte", "cut off", "endless list", "more after the end", "number as key", "bad UTF-8"],
)
def test_bytes_that_are_no_messagepack_are_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(data)


@pytest.mark.parametrize("data", [b"\x01", b"\x93\x01\x02\x03", b"\xa5Ready", b"\xc0"])
def test_messagepack_that_is_no_map_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed, match="where a map belongs"):
        decode(data)


def test_raw_ogg_is_recognised_as_the_wrong_format() -> None:
    with pytest.raises(Malformed) as refused:
        decode(b"OggS\x00\x02\x00\x00")
    assert "PcmMessagePack" in refused.value.why


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 6, 100])
def test_a_frame_of_audio_that_is_cut_is_refused(cut: int) -> None:
    with pytest.raises(Malformed):
        decode(encode(Audio(np.zeros(1920, np.float32)))[:-cut])


def test_a_frame_with_a_foreign_value_among_its_samples_is_not_taken_by_the_short_way() -> None:
    data = bytearray(encode(Audio(pcm(*[0.5] * 20))))
    data[-5] = 0xCE  # the last sample becomes an unsigned integer
    message = decode(bytes(data))
    assert isinstance(message, Audio)
    assert message.pcm[-1] == 0x3F000000


def test_random_bytes_never_cause_anything_but_a_refusal() -> None:
    random = np.random.default_rng(7)
    whole = encode(Audio(pcm(*[0.5] * 40)))
    for _ in range(2_000):
        data = bytearray(whole if random.random() < 0.5 else random.bytes(40))
        data[random.integers(len(data))] = random.integers(256)
        try:
            decode(bytes(data))
        except Malformed:
            pass


def test_audio_is_compared_by_its_samples_and_cannot_be_hashed() -> None:
    assert Audio(pcm(0.5)) == Audio(pcm(0.5))
    assert Audio(pcm(0.5)) != Audio(pcm(0.5, 0.5))
    assert Audio(pcm()) != Ready()
    with pytest.raises(TypeError):
        hash(Audio(pcm()))
