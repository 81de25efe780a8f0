"""What a moshi-server tells about itself over plain HTTP: its build, its modules and their slots, its counters."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provision.speech.endpoint import Endpoint
from provision.speech.failures import NotReached, Obstacle, UnexpectedAnswer

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class BuildInfo:
    """The answer of /api/build_info. A build from crates.io knows no commit, and no server tells its version."""

    built: str
    commit: str
    rustc: str
    target: str
    round_trip_s: float


@dataclass(frozen=True)
class Module:
    """One module with slots, from /api/modules_info."""

    kind: str
    path: str
    used_slots: int
    total_slots: int

    @property
    def free_slots(self) -> int:
        return self.total_slots - self.used_slots


@dataclass(frozen=True)
class Metrics:
    """The answer of /metrics; empty until the first connection. Names stand without their labels."""

    values: Mapping[str, float]

    def mean(self, histogram: str) -> float | None:
        """The mean of a histogram over the server's life."""
        count = self.values.get(f"{histogram}_count", 0.0)
        return self.values[f"{histogram}_sum"] / count if count else None


def build_info(endpoint: Endpoint, timeout_s: float = TIMEOUT_S) -> BuildInfo:
    """Asks who is there; the health URL of moshi-server, though it answers when the model is dead."""
    began = time.perf_counter()
    body = _json(endpoint, "/api/build_info", timeout_s)
    took = time.perf_counter() - began
    if not isinstance(body, dict) or "build_timestamp" not in body:
        raise _not_moshi(endpoint, "/api/build_info")
    commit = _known(body, "git_hash")
    return BuildInfo(_known(body, "build_timestamp"), commit, _known(body, "rustc_version"), _triple(body), took)


def modules(endpoint: Endpoint, timeout_s: float = TIMEOUT_S) -> tuple[Module, ...]:
    """The modules that have slots: text to speech and batched speech to text."""
    body = _json(endpoint, "/api/modules_info", timeout_s)
    try:
        return tuple(_module(entry) for entry in body)
    except (TypeError, KeyError, ValueError) as error:
        raise _not_moshi(endpoint, "/api/modules_info") from error


def metrics(endpoint: Endpoint, timeout_s: float = TIMEOUT_S) -> Metrics:
    """The counters of the server, as Prometheus reads them."""
    return parse_metrics(_get(endpoint, "/metrics", timeout_s).decode("utf-8", "replace"))


def parse_metrics(text: str) -> Metrics:
    """The samples without labels or with `handler` alone; buckets of histograms are left out."""
    samples = re.findall(r"^(\w+)(?:\{[^}]*\})? ([-+0-9.eE]+|[-+]?Inf|NaN)\s*$", text, re.MULTILINE)
    return Metrics({name: float(value) for name, value in samples if not name.endswith("_bucket")})


def obstacle_of(error: OSError) -> Obstacle:
    """Which obstacle an error of the network stands for."""
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, socket.gaierror):
        return "name"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, TimeoutError):
        return "timeout"
    return "reset" if isinstance(error, ConnectionError) else "no-route"


def _module(entry: Mapping[str, str]) -> Module:
    return Module(entry["type"], entry["path"], int(entry["used_slots"]), int(entry["total_slots"]))


def _known(body: Mapping[str, Any], name: str) -> str:
    value = str(body.get(name, ""))
    return "" if value.startswith("VERGEN_") else value


def _triple(body: Mapping[str, Any]) -> str:
    return _known(body, "cargo_target_triple")


def _json(endpoint: Endpoint, path: str, timeout_s: float) -> Any:
    try:
        return json.loads(_get(endpoint, path, timeout_s))
    except ValueError as error:
        raise _not_moshi(endpoint, path) from error


def _get(endpoint: Endpoint, path: str, timeout_s: float) -> bytes:
    # No proxy of the environment: it would be measured instead of the server.
    connection = _connection(endpoint, timeout_s)
    try:
        connection.request("GET", endpoint.prefix + path, headers={"Accept": "*/*"})
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise NotReached(endpoint.address, "not-http", str(error) or type(error).__name__) from error
    except OSError as error:
        raise NotReached(endpoint.address, obstacle_of(error), str(error)) from error
    finally:
        connection.close()
    if answer.status != 200:
        raise _wrong_status(endpoint, path, answer.status)
    return body


def _connection(endpoint: Endpoint, timeout_s: float) -> http.client.HTTPConnection:
    context = endpoint.tls()
    if context:
        return http.client.HTTPSConnection(endpoint.host, endpoint.port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=timeout_s)


def _wrong_status(endpoint: Endpoint, path: str, status: int) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        status,
        f"{endpoint.address}{endpoint.prefix}{path} answers HTTP {status} instead of 200",
        "another server has the port, or a proxy stands before moshi-server and does not pass this path on",
        f"curl -i http{'s' if endpoint.secure else ''}://{endpoint.address}{endpoint.prefix}{path}",
    )


def _not_moshi(endpoint: Endpoint, path: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        0,
        f"what answers at {endpoint.address}{endpoint.prefix}{path} is no moshi-server",
        "the answer is not the JSON that moshi-server gives there: another program has the port",
        f"curl -i http{'s' if endpoint.secure else ''}://{endpoint.address}{endpoint.prefix}{path}",
    )
