"""Calls an ASGI app in this thread: one request, one answer, no socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import quote, urlencode


class Asgi:
    """The app as a function from request to (status, text)."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def request(
        self, method: str, path: str, body: bytes = b"", query: Mapping[str, Any] | None = None
    ) -> tuple[int, str]:
        return asyncio.run(self._request(method, path, body, urlencode(query or {})))

    async def _request(self, method: str, path: str, body: bytes, query: str) -> tuple[int, str]:
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> Mapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": quote(path).encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
        }  # fmt: skip
        await self._app(scope, receive, send)
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return int(sent[0]["status"]), content.decode()


def as_json(answer: tuple[int, str]) -> tuple[int, Any]:
    return answer[0], json.loads(answer[1])
