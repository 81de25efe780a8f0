"""What the speech client itself costs: per message, and with hundreds of real-time streams on one core.

A second process plays the server on loopback: after Ready it sends frames of 80 ms at real time, each with the moment
at which it was sent. The client runs the code that `verify` runs, pinned to one core; how late it takes each frame up
is its own latency (both processes read the same clock).

    .venv/bin/python benchmarks/verify_client.py [--streams 1 50 200] [--seconds 10]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import struct
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from provision.speech.audio import FRAME, FRAME_S, Loudness
from provision.speech.endpoint import Endpoint
from provision.speech.protocol import Audio, Eos, Ready, Text, decode, encode
from provision.speech.stream import open_stream
from provision.verify.measures import percentile

FRAME_OF_SOUND = np.full(FRAME, 0.25, np.float32)
ALL = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset[int]()
OURS = frozenset(sorted(ALL)[:1])
OTHERS = ALL - OURS or ALL

STAMP_SAMPLES = 8
"""The sending time travels as the first samples of a frame: bytes of a double, one a sample."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    streams: int
    frames: int
    cpu_share: float
    cpu_per_message_ms: float
    late_p50_ms: float
    late_p95_ms: float
    late_max_ms: float
    missing: int


def stamped(frame: bytes, moment: float) -> bytes:
    """The frame with the time in its first samples, without encoding the rest again."""
    head = encode(Audio(np.frombuffer(struct.pack("<d", moment), np.uint8).astype(np.float32)))
    body = head[head.index(b"pcm") + 4 :]
    start = frame.index(b"pcm") + 6
    return frame[:start] + body + frame[start + len(body) :]


def moment_of(pcm: np.ndarray) -> float:
    moment: float = struct.unpack("<d", pcm[:STAMP_SAMPLES].astype(np.uint8).tobytes())[0]
    return moment


def play_server(port: Connection, seconds: float) -> None:
    asyncio.run(_play_server(port, seconds))


async def _play_server(port: Connection, seconds: float) -> None:
    frame = encode(Audio(FRAME_OF_SOUND))

    async def talk(socket: ServerConnection) -> None:
        try:
            await socket.send(encode(Ready()))
            while decode(await socket.recv(decode=False)) != Eos():
                pass
            began = time.monotonic()
            for number in range(int(seconds / FRAME_S)):
                await asyncio.sleep(max(0.0, began + number * FRAME_S - time.monotonic()))
                await socket.send(stamped(frame, time.monotonic()))
        except ConnectionClosed:
            pass

    async with serve(talk, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port.send(next(iter(server.sockets)).getsockname()[1])
        await asyncio.to_thread(port.recv)


async def listen(endpoint: Endpoint, start_s: float) -> list[float]:
    """How late each frame of one stream was taken up, in seconds."""
    late: list[float] = []
    loudness = Loudness()
    async with open_stream(endpoint) as stream:
        await asyncio.sleep(start_s)
        await stream.send(Text("go"))
        await stream.send(Eos())
        while (message := await stream.receive()) is not None:
            now = time.monotonic()
            assert isinstance(message, Audio)
            loudness = loudness.plus(message.pcm)
            late.append(now - moment_of(message.pcm))
    return late


async def listen_to_all(endpoint: Endpoint, streams: int) -> tuple[list[float], float, float]:
    # Spread over a frame, as independent clients are.
    began, cpu = time.monotonic(), time.process_time()
    late = await asyncio.gather(*(listen(endpoint, n * FRAME_S / streams) for n in range(streams)))
    return [one for stream in late for one in stream], time.monotonic() - began, time.process_time() - cpu


def measure(streams: int, seconds: float) -> Row:
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=play_server, args=(theirs, seconds), daemon=True)
    with on_cores(OTHERS):
        server.start()
    try:
        endpoint = Endpoint(f"ws://127.0.0.1:{ours.recv()}")
        with on_cores(OURS):
            late, wall, cpu = asyncio.run(listen_to_all(endpoint, streams))
        ours.send("end")
    finally:
        server.join(5)
        server.kill()
    wanted = streams * int(seconds / FRAME_S)
    p50, p95, most = (1000 * percentile(late, percent) for percent in (50, 95, 100))
    return Row(streams, len(late), cpu / wall, 1000 * cpu / len(late), p50, p95, most, wanted - len(late))


@contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    """This process, and what it starts, on these cores alone; where the system cannot do that, anywhere."""
    if not cores:
        yield
        return
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, ALL)


def decoding_us() -> float:
    """Decoding one frame of 9,619 bytes and adding up its loudness, nothing else."""
    frame, loudness, times = encode(Audio(FRAME_OF_SOUND)), Loudness(), []
    for _ in range(3_000):
        began = time.perf_counter()
        message = decode(frame)
        assert isinstance(message, Audio)
        loudness = loudness.plus(message.pcm)
        times.append(time.perf_counter() - began)
    return 1e6 * percentile(times, 50)


def table(rows: Iterable[Row]) -> str:
    head = "streams   frames  missing   core   CPU/message   late p50      p95      max"
    lines = (
        f"{row.streams:7}  {row.frames:7}  {row.missing:7}  {row.cpu_share:4.0%}  {row.cpu_per_message_ms:8.3f} ms  "
        f"{row.late_p50_ms:6.2f} ms  {row.late_p95_ms:5.2f} ms  {row.late_max_ms:5.1f} ms"
        for row in rows
    )
    return "\n".join((head, *lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 50, 200])
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    sys.stdout.write(f"the client on core {sorted(OURS)}, the sender on {sorted(OTHERS)}\n")
    sys.stdout.write(f"decode one frame and add up its loudness: {decoding_us():.1f} us\n")
    sys.stdout.write(table([measure(streams, options.seconds) for streams in options.streams]) + "\n")


if __name__ == "__main__":
    main()
