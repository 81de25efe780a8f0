"""A small Google on loopback: gives the answers it was told to give, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.unit.local import discovery


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: Any


@dataclass
class ScriptedGoogle:
    """Answers in the order they were scripted; the last one is repeated."""

    endpoint: str = ""
    answers: list[tuple[int, Any]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    delay_s: float = 0.0

    def script(self, *answers: tuple[int, Any]) -> None:
        self.answers[:] = answers

    def next_answer(self) -> tuple[int, Any]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def scripted_google() -> Iterator[ScriptedGoogle]:
    google = ScriptedGoogle()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            asked = Asked(self.command, url.path.removeprefix("/compute/v1/"), parse_qs(url.query), body)
            google.asked.append(asked)
            time.sleep(google.delay_s)
            status, answer = google.next_answer()
            data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                pass  # the client did not want to wait

        do_GET = do_POST = do_DELETE = do_PATCH = _answer

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    google.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield google
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sound(asked: Asked) -> str:
    """The id of the API method that this request is; fails when Google would not know it or its body."""
    found = discovery.method(asked.method, asked.path)
    assert found is not None, asked
    name, description = found
    assert set(asked.query) <= set(description.get("parameters", {})) | {"alt", "$alt"}, asked.query
    if asked.body is not None:
        assert discovery.faults(description["request"]["$ref"], asked.body) == []
    return name
