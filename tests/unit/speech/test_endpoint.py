"""Addresses of speech servers: their parts, their defaults, and what is none."""

from __future__ import annotations

import pytest

from provision.errors import UsageProblem
from provision.speech.endpoint import Endpoint, endpoint


def test_the_parts_of_an_address() -> None:
    where = Endpoint("ws://203.0.113.7:8080/api/tts_streaming")
    assert (where.host, where.port, where.path, where.secure) == ("203.0.113.7", 8080, "/api/tts_streaming", False)
    assert where.address == "203.0.113.7:8080"
    assert where.stream_url == "ws://203.0.113.7:8080/api/tts_streaming?format=PcmMessagePack"


@pytest.mark.parametrize("url", ["ws://host:8080", "ws://host:8080/", "http://host:8080"])
def test_text_to_speech_is_meant_where_no_path_is_named(url: str) -> None:
    assert Endpoint(url).stream_url == "ws://host:8080/api/tts_streaming?format=PcmMessagePack"


@pytest.mark.parametrize(
    ("url", "port"), [("ws://h", 80), ("wss://h", 443), ("https://h", 443), ("wss://h:8443", 8443)]
)
def test_ports_follow_the_scheme(url: str, port: int) -> None:
    assert Endpoint(url).port == port


def test_what_a_proxy_puts_in_front_is_kept_for_the_other_routes() -> None:
    where = Endpoint("wss://speech.example/tts-server/api/tts_streaming")
    assert where.prefix == "/tts-server"
    assert where.module_path == "/api/tts_streaming"
    assert where.tls() is not None


def test_a_path_outside_of_api_has_no_prefix() -> None:
    where = Endpoint("ws://h:1/speak")
    assert (where.prefix, where.module_path) == ("", "/speak")


def test_a_voice_cannot_smuggle_in_other_questions() -> None:
    where = Endpoint("ws://h:1", voice="a&format=Pcm#x/é.wav")
    assert where.stream_url.endswith("?format=PcmMessagePack&voice=a%26format%3DPcm%23x%2F%C3%A9.wav")


def test_the_key_is_never_shown() -> None:
    where = Endpoint("ws://h:1", "very-secret")
    assert "very-secret" not in repr(where)
    assert "very-secret" not in where.stream_url
    assert where.with_key("other").key == "other"


def test_addresses_of_version_6_are_bracketed() -> None:
    assert endpoint("2001:db8::7").stream_url.startswith("ws://[2001:db8::7]:8080/api/")
    assert endpoint("2001:db8::7").address == "[2001:db8::7]:8080"


def test_plain_addresses_have_no_tls() -> None:
    assert endpoint("h").tls() is None


@pytest.mark.parametrize(
    "url", ["", "host:8080", "ftp://host", "ws://", "ws://host:port", "ws://host:99999", "ws:///api"]
)
def test_what_is_no_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        Endpoint(url)
    assert "ws://" in refused.value.hint
    assert refused.value.exit_code == 2
