"""A stream to the fake server: the good course, and each way in which it goes wrong, told apart."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager

import pytest

from provision.errors import ProvisionError, Unreachable
from provision.speech.endpoint import Endpoint
from provision.speech.failures import (
    HungUp,
    Malformed,
    NoFreeSlots,
    NoSuchPath,
    NotReached,
    ServerError,
    Silent,
    UnexpectedAnswer,
    WrongKey,
)
from provision.speech.protocol import Audio, Eos, Error, Marker, Ready, SpokenText, Text, encode
from provision.speech.stream import Patience, open_stream
from provision.speech.tts import synthesize, words
from tests.unit.speech.fake_server import KEY, SILENCE, FakeServer, Manners, speech_server

IMPATIENT = Patience(connect_s=2.0, message_s=0.3)


def endpoint(fake: FakeServer, key: str = KEY) -> Endpoint:
    return Endpoint(fake.url, key)


def speak(manners: Manners, text: str = "one two three", key: str = KEY) -> object:
    with speech_server(manners) as fake:
        return asyncio.run(synthesize(endpoint(fake, key), text, IMPATIENT))


def failure(manners: Manners, kind: type[ProvisionError], key: str = KEY) -> ProvisionError:
    with pytest.raises(kind) as failed:
        speak(manners, key=key)
    assert type(failed.value) is kind
    return failed.value


def test_a_text_is_spoken_and_measured() -> None:
    with speech_server() as fake:
        synthesis = asyncio.run(synthesize(endpoint(fake), "one two three", IMPATIENT))
    assert synthesis.words == ("one", "two", "three")
    assert synthesis.audio_s == pytest.approx(6 * 0.08)
    assert synthesis.loudness.rms == pytest.approx(0.3 / 2**0.5, rel=0.02)
    assert synthesis.messages == 9
    assert 0 < synthesis.first_audio_s <= synthesis.last_audio_s < 1
    assert 0 < synthesis.round_trip_s < 0.5
    assert synthesis.wall_per_audio == pytest.approx(synthesis.last_audio_s / 0.48)
    assert synthesis.audio_per_wall == pytest.approx(1 / synthesis.wall_per_audio)


def test_whole_words_are_sent_one_by_one_and_then_eos() -> None:
    with speech_server() as fake:
        asyncio.run(synthesize(endpoint(fake), "  one  two\nthree ", IMPATIENT))
    assert fake.heard == [Text("one"), Text("two"), Text("three"), Eos()]


def test_the_client_asks_for_messagepack_and_sends_its_key_in_the_header_alone() -> None:
    with speech_server() as fake:
        asyncio.run(synthesize(Endpoint(fake.url, KEY, voice="a b/ü.wav"), "one", IMPATIENT))
    assert fake.queries == [{"format": ["PcmMessagePack"], "voice": ["a b/ü.wav"]}]
    assert fake.keys == [KEY]


def test_time_to_first_audio_counts_from_the_first_text() -> None:
    synthesis = speak(Manners(first_audio_s=0.15))
    assert 0.15 <= synthesis.first_audio_s < 0.28  # type: ignore[attr-defined]


def test_a_player_that_would_have_to_pause_is_noticed() -> None:
    synthesis = speak(Manners(frame_s=0.1, frames_per_word=1))
    # Every frame lasts 80 ms and the next comes after 100 ms.
    assert synthesis.starved_s == pytest.approx(2 * 0.02, abs=0.03)  # type: ignore[attr-defined]
    assert speak(Manners(frame_s=0.0)).starved_s == 0.0  # type: ignore[attr-defined]


def test_the_slot_is_given_back_when_the_stream_is_closed_early() -> None:
    async def come_and_go(fake: FakeServer) -> None:
        async with open_stream(endpoint(fake), IMPATIENT):
            assert fake.used == 1
        await asyncio.sleep(0.05)
        assert fake.used == 0

    with speech_server() as fake:
        asyncio.run(come_and_go(fake))


def test_a_normal_close_code_is_a_clean_end_too() -> None:
    assert speak(Manners(end="1000")).words == ("one", "two", "three")  # type: ignore[attr-defined]


def test_a_wrong_key_is_not_allowed_in() -> None:
    error = failure(Manners(), WrongKey, key="other")
    assert isinstance(error, Unreachable)
    assert error.exit_code == 4
    assert "other" not in error.what + error.why + error.hint


def test_no_key_is_sent_where_none_is_given() -> None:
    failure(Manners(), WrongKey, key="")


def test_a_wrong_path_names_the_modules_list() -> None:
    with speech_server() as fake, pytest.raises(NoSuchPath) as failed:
        url = fake.url.replace("tts_streaming", "asr-streaming")
        asyncio.run(synthesize(Endpoint(url, KEY), "one", IMPATIENT))
    assert "modules_info" in failed.value.hint
    assert failed.value.status == 404


@pytest.mark.parametrize(("status", "why"), [(403, "proxy"), (502, "proxy"), (400, "format")])
def test_other_statuses_are_told_with_their_likely_cause(status: int, why: str) -> None:
    error = failure(Manners(upgrade_status=status), UnexpectedAnswer)
    assert isinstance(error, UnexpectedAnswer)
    assert error.status == status
    assert why in error.why


def test_a_full_server_is_told_from_a_broken_one() -> None:
    assert failure(Manners(slots=0), NoFreeSlots).exit_code == 1


def test_another_error_of_the_server_is_passed_on() -> None:
    error = failure(Manners(say_instead=encode(Error("voice exploded"))), ServerError)
    assert "voice exploded" in error.what


@pytest.mark.parametrize(
    ("manners", "code", "after"),
    [
        (Manners(hang_up="before Ready"), 1005, "before Ready"),
        (Manners(hang_up="after Ready"), 1005, "before any audio"),
        (Manners(hang_up="before audio"), 1005, "before any audio"),
        (Manners(hang_up="before audio", end="abort"), 1006, "before any audio"),
        (Manners(hang_up="in the middle", end="abort"), 1006, "in the middle"),
        (Manners(end="1011"), 1011, "in the middle"),
    ],
)
def test_hanging_up_tells_the_code_and_the_moment(manners: Manners, code: int, after: str) -> None:
    error = failure(manners, HungUp)
    assert isinstance(error, HungUp)
    assert error.code == code
    assert after in error.after


@pytest.mark.parametrize(
    ("moment", "after"),
    [
        ("before Ready", "before Ready"),
        ("before audio", "after Ready, before any audio"),
        ("in the middle", "in the middle"),
    ],
)
def test_silence_ends_when_patience_does(moment: str, after: str) -> None:
    error = failure(Manners(silent_from=moment), Silent)
    assert isinstance(error, Silent)
    assert error.seconds == 0.3
    assert after in error.after


def test_a_slow_server_that_goes_on_talking_is_not_called_silent() -> None:
    synthesis = speak(Manners(frame_s=0.11, frames_per_word=2), "one two")
    assert synthesis.last_audio_s > IMPATIENT.message_s  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "said",
    [b"OggS\x00\x02", b"\x81\xa4type\xa4Bark", encode(Marker(1)), encode(Ready())],
    ids=["raw Ogg", "unknown type", "a message of speech to text", "a second Ready"],
)
def test_what_does_not_belong_there_is_malformed(said: bytes) -> None:
    failure(Manners(say_instead=said), Malformed)


def test_text_frames_are_malformed() -> None:
    failure(Manners(text_frame="hello"), Malformed)


def test_silent_audio_is_heard_as_such() -> None:
    assert speak(Manners(frame=SILENCE)).loudness.silent  # type: ignore[attr-defined]


def test_many_streams_live_side_by_side_and_one_more_is_told_that_it_is_full() -> None:
    async def fill(fake: FakeServer) -> None:
        async with AsyncExitStack() as opened:
            for _ in range(4):
                await opened.enter_async_context(open_stream(endpoint(fake), IMPATIENT))
            with pytest.raises(NoFreeSlots):
                await opened.enter_async_context(open_stream(endpoint(fake), IMPATIENT))
        await asyncio.sleep(0.05)

    with speech_server() as fake:
        asyncio.run(fill(fake))
        assert (fake.most_used, fake.used) == (4, 0)


def test_messages_can_be_taken_one_by_one() -> None:
    async def listen(fake: FakeServer) -> list[str]:
        async with open_stream(endpoint(fake), IMPATIENT) as stream:
            await stream.send(Text("one"))
            await stream.send(Eos())
            kinds = []
            while (message := await stream.receive()) is not None:
                kinds.append(type(message))
            assert stream.close_code == 1005
            return kinds

    with speech_server() as fake:
        assert asyncio.run(listen(fake)) == [Audio, Audio, SpokenText]


def test_a_connection_that_breaks_is_no_end_of_the_messages() -> None:
    async def listen(fake: FakeServer) -> None:
        async with open_stream(endpoint(fake), IMPATIENT) as stream:
            await stream.send(Eos())
            with pytest.raises(HungUp) as failed:
                await stream.receive()
            assert failed.value.code == stream.close_code == 1006

    with speech_server(Manners(hang_up="before audio", end="abort")) as fake:
        asyncio.run(listen(fake))


def test_words_are_counted_as_the_server_cuts_them() -> None:
    assert words("L’été: (oui) – non") == ("L'été", "oui", "non")


def test_a_closed_port_is_refused() -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(NotReached) as failed:
        asyncio.run(synthesize(Endpoint(f"ws://127.0.0.1:{port}"), "one", IMPATIENT))
    assert failed.value.obstacle == "refused"
    assert failed.value.exit_code == 4


@contextmanager
def rude_listener(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP port that does what it likes with the one client it takes."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def take() -> None:
            client, _ = listener.accept()
            with closing(client):
                client.recv(4096)
                answer(client)

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def test_a_port_that_accepts_and_says_nothing_is_a_timeout() -> None:
    done = threading.Event()
    with rude_listener(lambda client: done.wait(5) and None) as port:
        with pytest.raises(NotReached) as failed:
            asyncio.run(synthesize(Endpoint(f"ws://127.0.0.1:{port}"), "one", Patience(0.2, 0.2)))
        done.set()
    assert failed.value.obstacle == "timeout"


def unreached(url: str) -> NotReached:
    with pytest.raises(NotReached) as failed:
        asyncio.run(synthesize(Endpoint(url), "one", IMPATIENT))
    return failed.value


def test_a_port_that_drops_the_connection_at_once_is_a_reset() -> None:
    with rude_listener(lambda client: None) as port:
        assert unreached(f"ws://127.0.0.1:{port}").obstacle == "reset"


def test_a_port_of_another_protocol_is_not_http() -> None:
    with rude_listener(lambda client: client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")) as port:
        assert unreached(f"ws://127.0.0.1:{port}").obstacle == "not-http"


def test_tls_to_a_plain_port_is_told_as_tls() -> None:
    with rude_listener(lambda client: client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        error = unreached(f"wss://127.0.0.1:{port}")
    assert error.obstacle == "tls"
    assert "plain ws://" in error.why


def test_the_environments_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert speak(Manners()).words  # type: ignore[attr-defined]
