"""Where a speech server is and what it wants to be told: address, path, key, voice."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit

from provision.errors import UsageProblem

TTS_PATH = "/api/tts_streaming"
DEFAULT_PORT = 8080
SHIPPED_KEY = "public_token"
"""The key in every example config of the project: whoever has read them has it."""

_SECURE = {"ws": False, "http": False, "wss": True, "https": True}


@dataclass(frozen=True)
class Endpoint:
    """One module of a speech server. `ca_file`: whom to trust for wss://, when the system does not know them."""

    url: str
    key: str = field(default="", repr=False)
    voice: str = ""
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        _split(self.url)

    @property
    def host(self) -> str:
        return _split(self.url).hostname or ""

    @property
    def port(self) -> int:
        return _split(self.url).port or (443 if self.secure else 80)

    @property
    def secure(self) -> bool:
        return _SECURE[_split(self.url).scheme]

    @property
    def path(self) -> str:
        """The path of the module; text to speech when the address names none."""
        path = _split(self.url).path
        return TTS_PATH if path in ("", "/") else path

    @property
    def address(self) -> str:
        """Host and port as people write them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def stream_url(self) -> str:
        """What a WebSocket client connects to; the key is not in it, since servers log their query strings."""
        voice = f"&voice={quote(self.voice, safe='')}" if self.voice else ""
        return f"{'wss' if self.secure else 'ws'}://{self.address}{self.path}?format=PcmMessagePack{voice}"

    @property
    def prefix(self) -> str:
        """What a proxy put before `/api`: the other HTTP routes have it too."""
        head, api, _ = self.path.rpartition("/api/")
        return head if api else ""

    @property
    def module_path(self) -> str:
        """The path as the server's own config has it."""
        return self.path[len(self.prefix) :]

    def with_key(self, key: str) -> Endpoint:
        return replace(self, key=key)

    def tls(self) -> ssl.SSLContext | None:
        """How to check the server's certificate; never not at all."""
        if not self.secure:
            return None
        return ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)


def endpoint(host: str, port: int = DEFAULT_PORT, path: str = TTS_PATH, key: str = "") -> Endpoint:
    """The endpoint of a server that we deployed: plain WebSocket on its port."""
    return Endpoint(f"ws://{f'[{host}]' if ':' in host else host}:{port}{path}", key)


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    try:
        good = parts.scheme in _SECURE and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        raise UsageProblem(
            f"`{url}` is no address of a speech server",
            "it has the form ws://HOST:PORT/PATH, or wss:// behind TLS",
            f"for example: provision verify --url ws://203.0.113.7:{DEFAULT_PORT}{TTS_PATH} --key-file key",
        )
    return parts
