"""What a server tells over HTTP, and what is no moshi-server at all."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

import pytest

from provision.speech import service
from provision.speech.endpoint import Endpoint
from provision.speech.failures import NotReached, UnexpectedAnswer
from provision.speech.tts import synthesize
from tests.unit.speech.fake_server import KEY, Manners, speech_server

METRICS = """# HELP py_model_step_duration py module step duration distribution.
# TYPE py_model_step_duration histogram
py_model_step_duration_bucket{le="0.01"} 0
py_model_step_duration_bucket{le="+Inf"} 75
py_model_step_duration_sum 0.75
py_model_step_duration_count 75
py_connect{handler="all"} 1
py_open_channels{handler="all"} 0
weird_one NaN
"""


def test_build_info_is_read_without_what_crates_io_does_not_know() -> None:
    with speech_server() as fake:
        info = service.build_info(Endpoint(fake.url), 2)
    assert (info.built, info.commit, info.rustc) == ("2026-11-21T03:26:29Z", "", "1.95.0")
    assert 0 < info.round_trip_s < 1


def test_what_a_proxy_puts_in_front_is_asked_for_too() -> None:
    with speech_server(Manners(prefix="/tts-server")) as fake:
        assert service.build_info(Endpoint(fake.url), 2).rustc == "1.95.0"
        assert service.modules(Endpoint(fake.url), 2)[0].path == Endpoint(fake.url).module_path
        assert asyncio.run(synthesize(Endpoint(fake.url, KEY), "one")).words == ("one",)


def test_modules_tell_their_slots_as_numbers() -> None:
    with speech_server(Manners(slots=4, busy_slots=1)) as fake:
        (module,) = service.modules(Endpoint(fake.url), 2)
    assert (module.kind, module.path) == ("py", "/api/tts_streaming")
    assert (module.total_slots, module.used_slots, module.free_slots) == (4, 1, 3)


def test_metrics_are_read_without_their_buckets() -> None:
    with speech_server(Manners(metrics=METRICS)) as fake:
        metrics = service.metrics(Endpoint(fake.url), 2)
    assert metrics.values["py_connect"] == 1.0
    assert metrics.mean("py_model_step_duration") == pytest.approx(0.01)
    assert not [name for name in metrics.values if name.endswith("_bucket")]


def test_metrics_are_empty_before_the_first_connection() -> None:
    assert service.parse_metrics("").values == {}
    assert service.parse_metrics("").mean("py_model_step_duration") is None


@pytest.mark.parametrize("status", [404, 500, 403])
def test_another_status_is_told_with_a_command_to_look(status: int) -> None:
    with speech_server(Manners(http_status=status)) as fake, pytest.raises(UnexpectedAnswer) as failed:
        service.build_info(Endpoint(fake.url), 2)
    assert failed.value.status == status
    assert failed.value.hint.startswith("curl -i http://127.0.0.1:")


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"name": "grafana"}', b"[]", b"\xff\xfe"])
def test_another_program_on_the_port_is_recognised(body: bytes) -> None:
    with speech_server(Manners(build_info=body)) as fake, pytest.raises(UnexpectedAnswer, match="is no moshi-server"):
        service.build_info(Endpoint(fake.url), 2)


def test_a_closed_port_is_not_reached() -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(NotReached) as failed:
        service.build_info(Endpoint(f"ws://127.0.0.1:{port}"), 2)
    assert failed.value.obstacle == "refused"


def test_a_port_that_never_answers_is_a_timeout() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener, pytest.raises(NotReached) as failed:
        service.build_info(Endpoint(f"ws://127.0.0.1:{listener.getsockname()[1]}"), 0.2)
    assert failed.value.obstacle == "timeout"


@pytest.mark.parametrize(
    ("error", "obstacle"),
    [
        (socket.gaierror(-2, "unknown"), "name"),
        (ConnectionRefusedError(), "refused"),
        (ConnectionResetError(), "reset"),
        (TimeoutError(), "timeout"),
        (OSError(113, "No route to host"), "no-route"),
    ],
)
def test_errors_of_the_network_are_told_apart(error: OSError, obstacle: str) -> None:
    assert service.obstacle_of(error) == obstacle
