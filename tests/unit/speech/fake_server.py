"""A speech server on loopback with the manners of moshi-server, and every bad habit that a test asks for."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from provision.speech.audio import FRAME
from provision.speech.endpoint import TTS_PATH
from provision.speech.protocol import Audio, Eos, Error, Message, Ready, SpokenText, Text, decode, encode

KEY = "sesame"
TONE = encode(Audio((0.3 * np.sin(np.arange(FRAME) / 20)).astype(np.float32)))
SILENCE = encode(Audio(np.zeros(FRAME, np.float32)))
BUILD_INFO = {
    "build_timestamp": "2026-11-21T03:26:29Z",
    "git_hash": "VERGEN_IDEMPOTENT_OUTPUT",
    "rustc_version": "1.95.0",
    "cargo_target_triple": "x86_64-unknown-linux-gnu",
}


@dataclass(frozen=True)
class Manners:
    """How the server behaves; as it stands here: well."""

    slots: int = 4
    keys: tuple[str, ...] = (KEY,)
    path: str = TTS_PATH
    prefix: str = ""
    first_audio_s: float = 0.0
    slow_every: int = 0
    slow_s: float = 0.0
    frame_s: float = 0.0
    frames_per_word: int = 2
    frame: bytes = TONE
    lose_last_words: int = 0
    say_instead: bytes = b""
    text_frame: str = ""
    silent_from: str = ""
    hang_up: str = ""
    end: str = "empty close"
    deaf_to_keys: bool = False
    limitless: bool = False
    keeps_slots: bool = False
    busy_slots: int = 0
    http_status: int = 200
    build_info: object = field(default_factory=lambda: dict(BUILD_INFO))
    hides_modules: bool = False
    metrics: str = ""
    upgrade_status: int = 0


class FakeServer:
    """One running server; `heard` are the messages of the clients, `queries` what they asked for."""

    def __init__(self, manners: Manners, tls: ssl.SSLContext | None = None) -> None:
        self.manners = manners
        self.tls = tls
        self.used = manners.busy_slots
        self.most_used = 0
        self.served = 0
        self.heard: list[Message] = []
        self.queries: list[dict[str, list[str]]] = []
        self.keys: list[str] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}{self.manners.prefix}{self.manners.path}"

    async def serve(self) -> Server:
        server = await serve(
            self._talk,
            "127.0.0.1",
            0,
            process_request=self._route,
            compression=None,
            ping_interval=None,
            close_timeout=0.2,
            ssl=self.tls,
        )
        self.port = next(iter(server.sockets)).getsockname()[1]
        return server

    def _route(self, connection: ServerConnection, request: Request) -> Response | None:
        path = urlsplit(request.path).path
        if not path.startswith(self.manners.prefix):
            return _json(404, {})
        path = path.removeprefix(self.manners.prefix)
        if path == "/api/build_info":
            return _json(self.manners.http_status, self.manners.build_info)
        if path == "/api/modules_info":
            return _json(404 if self.manners.hides_modules else 200, [self._module()])
        if path == "/metrics":
            return _answer(200, self.manners.metrics.encode(), "text/plain")
        return self._upgrade(path, request)

    def _module(self) -> dict[str, str]:
        slots = {"used_slots": str(self.used), "total_slots": str(self.manners.slots)}
        return {"type": "py", "path": self.manners.path, **slots}

    def _upgrade(self, path: str, request: Request) -> Response | None:
        self.queries.append(parse_qs(urlsplit(request.path).query))
        self.keys.append(request.headers.get("kyutai-api-key", ""))
        if self.manners.upgrade_status:
            return _json(self.manners.upgrade_status, {})
        if path != self.manners.path:
            return _json(404, {})
        if not self.manners.deaf_to_keys and self.keys[-1] not in self.manners.keys:
            return _json(401, {})
        return None

    async def _talk(self, socket: ServerConnection) -> None:
        if self.used >= self.manners.slots and not self.manners.limitless:
            await socket.send(encode(Error("no free channels")))
            await _close_without_status(socket)
            return
        self.used += 1
        self.most_used = max(self.most_used, self.used)
        try:
            await self._serve_client(socket)
        except ConnectionClosed:
            pass
        finally:
            self.used -= 0 if self.manners.keeps_slots else 1

    async def _serve_client(self, socket: ServerConnection) -> None:
        if await self._breaks_off(socket, "before Ready"):
            return
        await socket.send(encode(Ready()))
        if await self._breaks_off(socket, "after Ready"):
            return
        words = await self._listen(socket)
        await asyncio.sleep(self._delay_s())
        if await self._breaks_off(socket, "before audio"):
            return
        for number, word in enumerate(words[: len(words) - self.manners.lose_last_words]):
            await self._speak(socket, word, number)
            if await self._breaks_off(socket, "in the middle"):
                return
        await self._finish(socket)

    def _delay_s(self) -> float:
        self.served += 1
        slow = self.manners.slow_every and self.served % self.manners.slow_every == 0
        return self.manners.slow_s if slow else self.manners.first_audio_s

    async def _listen(self, socket: ServerConnection) -> list[str]:
        words: list[str] = []
        async for data in socket:
            assert isinstance(data, bytes)
            message = decode(data)
            self.heard.append(message)
            if isinstance(message, Eos):
                break
            assert isinstance(message, Text)
            words += message.text.split()
        return words

    async def _speak(self, socket: ServerConnection, word: str, number: int) -> None:
        if self.manners.text_frame:
            await socket.send(self.manners.text_frame)
        if self.manners.say_instead:
            await socket.send(self.manners.say_instead)
        for _ in range(self.manners.frames_per_word):
            await socket.send(self.manners.frame)
            await asyncio.sleep(self.manners.frame_s)
        await socket.send(encode(SpokenText(word, number * 0.16, (number + 1) * 0.16)))

    async def _breaks_off(self, socket: ServerConnection, when: str) -> bool:
        if self.manners.silent_from == when:
            await socket.wait_closed()
            return True
        if self.manners.hang_up == when:
            await self._finish(socket)
            return True
        return False

    async def _finish(self, socket: ServerConnection) -> None:
        match self.manners.end:
            case "empty close":
                await _close_without_status(socket)
            case "abort":
                socket.transport.abort()
            case code:
                await socket.close(int(code))


async def _close_without_status(socket: ServerConnection) -> None:
    """As moshi-server closes: a close frame with nothing in it, which clients see as 1005."""
    async with socket.send_context():
        socket.protocol.send_close()
    await socket.wait_closed()


def _json(status: int, body: object) -> Response:
    return _answer(status, body if isinstance(body, bytes) else json.dumps(body).encode(), "application/json")


def _answer(status: int, body: bytes, kind: str) -> Response:
    headers = Headers({"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"})
    return Response(status, HTTPStatus(status).phrase, headers, body)


@contextmanager
def speech_server(manners: Manners | None = None, tls: ssl.SSLContext | None = None) -> Iterator[FakeServer]:
    """The server in a thread of its own, up for the length of the block."""
    fake, loop = FakeServer(manners or Manners(), tls), asyncio.new_event_loop()
    server = loop.run_until_complete(fake.serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _stop(server: Server) -> None:
    for connection in server.connections:
        connection.transport.abort()
    server.close()
    await server.wait_closed()
