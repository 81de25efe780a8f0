"""The speech client, verify and tone.py against the real moshi-server, as compiled from crates.io, on loopback.

The binary is the one that `PROVISION_TEST_MOSHI_SERVER` names, else the artifact that a deploy has kept (the tests of
the main job come first, and make one). numpy for its embedded Python is taken from this interpreter when both have the
same minor version, else from the folder in `PROVISION_TEST_MOSHI_PYTHONPATH`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from provision.errors import ProvisionError
from provision.model import Event, Result, Summary
from provision.settings import folders
from provision.shipped import folder
from provision.speech import service
from provision.speech.config import lint
from provision.speech.endpoint import Endpoint
from provision.speech.failures import NoFreeSlots, NoSuchPath, Silent, WrongKey
from provision.speech.protocol import Text
from provision.speech.stream import Patience, open_stream
from provision.speech.tts import say, synthesize
from provision.verify import SpeechTarget, VerifyOptions, verify

KEY = "sesame"
FILES = folder("playbooks") / "roles/moshi_server/files"
STEP_S = 0.01
PATIENT = Patience(connect_s=5, message_s=5)
SENTENCE = "Hello, this is l'été and a naïve test: (nothing more)."

pytestmark = [pytest.mark.e2e]


@dataclass(frozen=True)
class RealServer:
    """A running moshi-server."""

    endpoint: Endpoint
    log: Path


def binary() -> str:
    """A moshi-server that runs here; skips with the reason where there is none."""
    kept = sorted(folders().artifacts.glob(f"moshi-server-*-py{sys.version_info[0]}.{sys.version_info[1]}-*"))
    found = os.environ.get("PROVISION_TEST_MOSHI_SERVER") or (str(kept[-1]) if kept else "")
    if not found:
        pytest.skip("no moshi-server: PROVISION_TEST_MOSHI_SERVER names none, and no deploy has kept one")
    lacks = [line for line in subprocess.run(["ldd", found], capture_output=True, text=True).stdout.splitlines()
             if "not found" in line]  # fmt: skip
    if lacks:
        pytest.skip(f"{found} does not run here: {lacks[0].strip()}")
    return found


def executable(place: Path) -> str:
    """The binary, with the right to run: artifacts are kept as plain files."""
    copy = shutil.copy(binary(), place / "moshi-server")
    copy.chmod(0o755)
    return str(copy)


def free_port() -> int:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def config(place: Path, slots: int, **py: Any) -> str:
    settings = "\n".join(f"{name} = {value}" for name, value in py.items())
    return f"""
static_dir = "{place}"
log_dir = "{place}"
instance_name = "tts"
authorized_ids = ["{KEY}"]
[modules.tts_py]
type = "Py"
path = "/api/tts_streaming"
script = "{FILES}/tone.py"
text_tokenizer_file = "{FILES}/tone_tokenizer.model"
text_bos_token = 1
batch_size = {slots}
[modules.tts_py.py]
{settings}
"""


@contextmanager
def moshi_server(place: Path, slots: int = 4, **py: Any) -> Iterator[RealServer]:
    """The real server on a free port, up before the block begins and gone after it."""
    port, log, toml = free_port(), place / "output", place / "tts.toml"
    toml.write_text(config(place, slots, **py))
    packages = os.environ.get("PROVISION_TEST_MOSHI_PYTHONPATH") or str(Path(np.__file__).parent.parent)
    command = [executable(place), "worker", "--config", str(toml), "--addr", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, "PYTHONPATH": packages})
    try:
        server = RealServer(Endpoint(f"ws://127.0.0.1:{port}/api/tts_streaming", KEY), log)
        wait_until_up(server, process)
        yield server
    finally:
        process.kill()
        process.wait(10)


def wait_until_up(server: RealServer, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        try:
            service.build_info(server.endpoint, 1)
            return
        except ProvisionError:
            assert process.poll() is None, server.log.read_text()
            time.sleep(0.05)
    raise AssertionError(server.log.read_text())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with moshi_server(tmp_path_factory.mktemp("moshi"), step_s=STEP_S) as running:
        yield running


def used_slots(server: RealServer) -> int:
    return service.modules(server.endpoint, 2)[0].used_slots


def test_the_config_has_nothing_to_lint(tmp_path: Path) -> None:
    assert lint(config(tmp_path, 4, step_s=STEP_S)) == ()


def test_a_text_is_spoken_its_words_echoed_and_the_end_is_clean(server: RealServer) -> None:
    synthesis = asyncio.run(synthesize(server.endpoint, SENTENCE, PATIENT))
    assert synthesis.words == ("Hello,", "this", "is", "l'été", "and", "a", "naïve", "test", "nothing", "more.")
    assert synthesis.audio_s > 2
    assert synthesis.loudness.rms > 0.05
    assert not synthesis.loudness.silent


def test_the_first_audio_takes_19_steps(server: RealServer) -> None:
    synthesis = asyncio.run(synthesize(server.endpoint, SENTENCE, PATIENT))
    assert 19 * STEP_S <= synthesis.first_audio_s < 19 * STEP_S + 0.25


def test_the_last_words_are_withheld_until_eos(server: RealServer) -> None:
    async def without_eos() -> None:
        async with open_stream(server.endpoint, Patience(5, 0.5)) as stream:
            await say(stream, "one two")
            with pytest.raises(Silent):
                await stream.receive()

    asyncio.run(without_eos())


def test_a_wrong_key_is_401(server: RealServer) -> None:
    with pytest.raises(WrongKey):
        asyncio.run(synthesize(server.endpoint.with_key("other"), "one", PATIENT))


def test_a_wrong_path_is_404(server: RealServer) -> None:
    elsewhere = replace(server.endpoint, url=server.endpoint.url.replace("tts_streaming", "asr-streaming"))
    with pytest.raises(NoSuchPath):
        asyncio.run(synthesize(elsewhere, "one", PATIENT))


def test_the_fifth_of_four_is_told_so_and_slots_come_back(server: RealServer) -> None:
    async def fill() -> None:
        async with AsyncExitStack() as opened:
            for _ in range(4):
                await opened.enter_async_context(open_stream(server.endpoint, PATIENT))
            assert await asyncio.to_thread(used_slots, server) == 4
            with pytest.raises(NoFreeSlots):
                await synthesize(server.endpoint, "one", PATIENT)

    asyncio.run(fill())
    deadline = time.monotonic() + 2
    while used_slots(server) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert used_slots(server) == 0


def test_a_client_that_leaves_in_the_middle_gives_its_slot_back(server: RealServer) -> None:
    async def leave() -> None:
        async with open_stream(server.endpoint, PATIENT) as stream:
            for _ in range(20):
                await stream.send(Text("word"))
            await stream.receive()

    asyncio.run(leave())
    time.sleep(0.3)
    assert used_slots(server) == 0


def run(server: RealServer, **options: Any) -> tuple[dict[str, Result], dict[str, Any], list[Event]]:
    target = SpeechTarget("real", server.endpoint.url, KEY, slots_expected=4)
    events = list(verify(target, VerifyOptions(runs=3, **options)))
    results = {event.title: event for event in events if isinstance(event, Result)}
    (summary,) = [dict(event.data) for event in events if isinstance(event, Summary)]
    return results, summary, events


def test_verify_passes_every_check(server: RealServer) -> None:
    results, summary, _ = run(server)
    assert {title: result.status for title, result in results.items()} == dict.fromkeys(results, "ok")
    assert len(results) == 9
    assert [level["streams"] for level in summary["load"]] == [1, 2, 4]
    assert summary["over_capacity_answer"] == "no free channels"
    assert summary["model_step_ms"] == pytest.approx(STEP_S * 1000, rel=0.5)


def test_a_server_whose_model_died_is_found_out(tmp_path: Path) -> None:
    with moshi_server(tmp_path, step_s=0.001, fail_after_steps=1) as dead:
        results, summary, _ = run(dead, patience_s=1.0)
        again, _, _ = run(dead, patience_s=1.0)
    assert results["the server answers"].status == "ok"
    assert results["it speaks"].status == "failed"
    problem = results["it speaks"].problem
    assert problem is not None
    assert problem.what.startswith("dead inside")
    assert "restart" in problem.hint
    assert summary["verified"] is False
    assert any(result.status == "failed" for result in again.values())
    assert 'name="model_loop"' in dead.log.read_text().replace("\x1b[0m\x1b[2m=\x1b[0m", "=").replace("\x1b[3m", "")


def test_an_unknown_setting_of_the_script_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="stepp_s"), moshi_server(tmp_path, stepp_s=0.1):
        pass
