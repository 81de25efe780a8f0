"""One open WebSocket to a speech server: connects, sends, receives, and names every way in which that goes wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from provision.errors import ProvisionError
from provision.speech.endpoint import Endpoint
from provision.speech.failures import (
    NO_CLOSE_FRAME,
    HungUp,
    Malformed,
    NoFreeSlots,
    NoSuchPath,
    NotReached,
    Obstacle,
    ServerError,
    Silent,
    UnexpectedAnswer,
    WrongKey,
)
from provision.speech.protocol import Audio, Error, Message, Ready, decode, encode
from provision.speech.service import obstacle_of

NO_FREE_SLOTS = "no free channels"
CLOSE_S = 2.0


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: for the connection, and for the next message on it."""

    connect_s: float = 10.0
    message_s: float = 20.0


PATIENCE = Patience()


class Stream:
    """A connection with its own slot. `receive` gives None when the server closed it with a close frame."""

    def __init__(self, socket: ClientConnection, patience_s: float) -> None:
        self._socket = socket
        self._patience_s = patience_s
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._gave_up = False
        self._timer = self._loop.call_later(patience_s, self._watch)
        self.after = "before Ready"
        self.ready_s = 0.0
        self.close_code = 0

    async def ready(self) -> None:
        """Waits for Ready: the slot is ours. Text to speech says it before its model has run."""
        message = await self.receive()
        if message is None:
            raise HungUp(self.close_code, self.after)
        if not isinstance(message, Ready):
            raise Malformed(f"the server began with {type(message).__name__} instead of Ready")
        self.after = "after Ready, before any audio"

    async def send(self, message: Message) -> None:
        with self._hearing():
            await self._socket.send(encode(message))

    async def receive(self) -> Message | None:
        """The next message; what the server calls an Error is raised."""
        try:
            with self._hearing():
                data = await self._socket.recv(decode=False)
        except HungUp as ending:
            if ending.code == NO_CLOSE_FRAME:
                raise
            return None
        self._heard = self._loop.time()
        return self._understand(data)

    async def round_trip(self) -> float:
        """Seconds from a ping to its pong: the network and the front of the server, without the model."""
        with self._hearing():
            return await (await self._socket.ping())

    async def close(self) -> None:
        self._timer.cancel()
        await self._socket.close()

    def _understand(self, data: bytes) -> Message:
        message = decode(data)
        if isinstance(message, Error):
            raise NoFreeSlots(message.message) if message.message == NO_FREE_SLOTS else ServerError(message.message)
        if isinstance(message, Audio):
            self.after = "in the middle of the speech"
        return message

    @contextmanager
    def _hearing(self) -> Iterator[None]:
        try:
            yield
        except ConnectionClosed as closed:
            self.close_code = closed.rcvd.code if closed.rcvd else NO_CLOSE_FRAME
            ending = Silent(self._patience_s, self.after) if self._gave_up else HungUp(self.close_code, self.after)
            raise ending from closed

    def _watch(self) -> None:
        """One timer for the whole stream: far cheaper than one for each message."""
        idle_s = self._loop.time() - self._heard
        if idle_s < self._patience_s:
            self._timer = self._loop.call_later(self._patience_s - idle_s, self._watch)
        else:
            self._gave_up = True
            self._socket.transport.abort()


@asynccontextmanager
async def open_stream(endpoint: Endpoint, patience: Patience = PATIENCE) -> AsyncIterator[Stream]:
    """Connects, waits for Ready, and closes in any case, so that the slot is given back."""
    began = time.perf_counter()
    stream = Stream(await _connect(endpoint, patience.connect_s), patience.message_s)
    try:
        await stream.ready()
        stream.ready_s = time.perf_counter() - began
        yield stream
    finally:
        await stream.close()


async def _connect(endpoint: Endpoint, timeout_s: float) -> ClientConnection:
    try:
        return await connect(
            endpoint.stream_url,
            additional_headers={"kyutai-api-key": endpoint.key} if endpoint.key else {},
            ssl=endpoint.tls(),
            # A proxy of the environment would be measured instead of the server, and the server knows no compression.
            proxy=None,
            compression=None,
            open_timeout=timeout_s,
            close_timeout=CLOSE_S,
            ping_interval=None,
        )
    except InvalidStatus as error:
        raise _refusal(endpoint, error.response.status_code) from error
    except InvalidMessage as error:
        raise NotReached(endpoint.address, *_not_http(error)) from error
    except InvalidHandshake as error:
        raise UnexpectedAnswer(0, f"{endpoint.address} does not finish the WebSocket handshake", str(error)) from error
    except asyncio.TimeoutError as error:  # before Python 3.11 no TimeoutError
        raise NotReached(endpoint.address, "timeout", str(error)) from error
    except OSError as error:
        raise NotReached(endpoint.address, obstacle_of(error), str(error)) from error


def _not_http(error: InvalidMessage) -> tuple[Obstacle, str]:
    dropped = isinstance(error.__cause__, EOFError)
    return ("reset", "connection dropped before any answer") if dropped else ("not-http", str(error))


def _refusal(endpoint: Endpoint, status: int) -> ProvisionError:
    url = f"{endpoint.address}{endpoint.path}"
    if status == 401:
        return WrongKey(url)
    if status == 404:
        return NoSuchPath(url)
    return UnexpectedAnswer(
        status,
        f"{url} refuses the stream with HTTP {status}",
        "moshi-server never says that: a proxy or another server has the port" if status != 400 else "bad `format`",
    )
