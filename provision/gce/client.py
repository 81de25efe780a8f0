"""The one line to Compute Engine: google-cloud-compute calls with our own retries, waiting and errors; JSON in and out.

Why not the SDK's own waiting: its poller forgets the endpoint, and calls an operation good that carries errors without
an HTTP code. Why not its retries: they leave out 429, 500, 502 and 504, and every call that changes something.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from provision.errors import Unreachable
from provision.gce import faults
from provision.gce.faults import CloudError, Fault

Json = dict[str, Any]
Answer = TypeVar("Answer")

# What a request calls its body, and which message of the SDK the body is.
_BODIES: Mapping[str, str] = {"instance_resource": "Instance", "firewall_resource": "Firewall"}


@dataclass(frozen=True)
class Patience:
    """How long to wait and how often to try. `sleep` is a parameter so that a test need not."""

    tries: int = 6
    first_pause_s: float = 1.0
    longest_pause_s: float = 20.0
    call_s: float = 60.0
    wait_call_s: float = 150.0
    operation_s: float = 1800.0
    sleep: Callable[[float], None] = time.sleep

    def pause(self, attempt: int) -> float:
        """The pause after a failed attempt (0 is the first): doubled each time, with jitter."""
        return min(self.longest_pause_s, self.first_pause_s * float(2**attempt)) * random.uniform(0.8, 1.2)


class Cloud:
    """One project at one endpoint. Nothing is imported or sent before the first call."""

    def __init__(
        self, project: str, endpoint: str = "", credentials: Any = None, patience: Patience | None = None
    ) -> None:
        self.project = project
        self.endpoint = endpoint
        self._credentials = credentials
        self._patience = patience or Patience()
        self._clients: dict[str, Any] = {}

    def read(self, doing: str, service: str, method: str, **request: Any) -> Json:
        """One GET: `read("look at tts-1", "Instances", "get", zone=..., instance=...)`."""
        return self._call(doing, service, method, request, _as_json)

    def find(self, doing: str, service: str, method: str, **request: Any) -> Json | None:
        """Like `read`, None when there is no such thing."""
        try:
            return self.read(doing, service, method, **request)
        except CloudError as error:
            if error.fault.kind == "missing":
                return None
            raise

    def pages(self, doing: str, service: str, method: str, **request: Any) -> list[Json]:
        """All pages of a list."""
        return self._call(doing, service, method, request, lambda pager: [_as_json(page) for page in pager.pages])

    def rows(self, doing: str, service: str, method: str, **request: Any) -> list[Json]:
        """All items of a list that is not aggregated."""
        return [item for page in self.pages(doing, service, method, **request) for item in page.get("items", ())]

    def change(self, doing: str, service: str, method: str, **request: Any) -> Json:
        """Start an operation and wait for its end; its failure is raised."""
        return self.wait(doing, self.begin(doing, service, method, **request))

    def begin(self, doing: str, service: str, method: str, **request: Any) -> Json:
        """Start an operation. All tries carry one request id, so that a lost answer does not start it twice."""
        request = {name: _message(name, value) for name, value in request.items()}
        request["request_id"] = str(uuid.uuid4())
        return self._call(doing, service, f"{method}_unary", request, _as_json)

    def wait(self, doing: str, operation: Json) -> Json:
        """The operation when it is DONE: before, neither its error nor the instance it makes says how it ends."""
        *_, last = self._states(doing, operation, "wait")
        return last

    def settle(self, operation: Json) -> Fault | None:
        """Wait for somebody else's operation; its failure is theirs and comes back as a value."""
        try:
            self.wait("wait", operation)
        except CloudError as error:
            if error.fault.kind in faults.RETRIED:
                raise
            return error.fault
        return None

    def watch(self, doing: str, operation: Json) -> Iterator[Json]:
        """The operation again and again until it is DONE, for whoever wants to tell how far it is."""
        return self._states(doing, operation, "get")

    def _states(self, doing: str, operation: Json, method: str) -> Iterator[Json]:
        """Ask by `operations.wait`, which answers at the end or after two minutes, or by `get` in growing intervals."""
        until, pause = time.monotonic() + self._patience.operation_s, 0.1
        yield operation
        while operation.get("status") != "DONE":
            if time.monotonic() > until:
                raise CloudError(faults.no_answer(f"operation {operation.get('name')} has not ended"), doing)
            if method == "get":
                self._patience.sleep(pause)
                pause = min(2.0, pause * 1.5)
            operation = self._look_at(doing, operation, method)
            yield operation
        fault = faults.of_operation(operation)
        if fault:
            raise CloudError(fault, doing)

    def _look_at(self, doing: str, operation: Json, method: str) -> Json:
        name, zone = operation["name"], last_part(operation.get("zone", ""))
        if zone:
            return self._call(doing, "ZoneOperations", method, {"zone": zone, "operation": name}, _as_json)
        return self._call(doing, "GlobalOperations", method, {"operation": name}, _as_json)

    def _call(
        self, doing: str, service: str, method: str, request: Mapping[str, Any], decode: Callable[[Any], Answer]
    ) -> Answer:
        """Call, decode and try again what passes by itself. `wait` may take long, the others may not."""
        timeout = self._patience.wait_call_s if method == "wait" else self._patience.call_s
        call = partial(getattr(self._client(service), method), retry=None, timeout=timeout)
        whole = {"project": self.project, **request}
        attempt = 0
        while True:
            answer = _attempt(lambda: decode(call(request=whole)))
            if not isinstance(answer, Fault):
                return answer
            attempt += 1
            if answer.kind not in faults.RETRIED or attempt >= self._patience.tries:
                raise CloudError(answer, doing)
            self._patience.sleep(self._patience.pause(attempt - 1))

    def close(self) -> None:
        """Close the connections."""
        while self._clients:
            self._clients.popitem()[1].transport.close()

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = _new_client(service, self.endpoint, self._credentials)
        return self._clients[service]


def anonymous(project: str, endpoint: str, patience: Patience | None = None) -> Cloud:
    """A cloud that asks for no credentials: the embedded one."""
    from google.auth.credentials import AnonymousCredentials

    return Cloud(project, endpoint, AnonymousCredentials(), patience)  # type: ignore[no-untyped-call]


def google(project: str = "", endpoint: str = "", patience: Patience | None = None) -> Cloud:
    """Google's cloud with the operator's own credentials; the project is theirs when none is named."""
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        credentials, their_project = google.auth.default(scopes=["https://www.googleapis.com/auth/compute"])
    except DefaultCredentialsError as error:
        raise NotConfigured("no Google credentials found") from error
    if not (project or their_project):
        raise NotConfigured("no Google Cloud project named")
    return Cloud(project or str(their_project), endpoint, credentials, patience)


class NotConfigured(Unreachable):
    """There is no cloud to talk to; both ways on are named."""

    def __init__(self, what: str) -> None:
        super().__init__(
            what,
            "a machine needs a cloud: Google's with your credentials and project, or the embedded one, free of charge",
            "`gcloud auth application-default login` and `--project PROJECT`; or without an account: "
            "`provision rehearse`, `--cloud local`",
        )


def last_part(path: str) -> str:
    """`z-a` of `https://.../zones/z-a`: resources name each other by URL."""
    return path.rstrip("/").rpartition("/")[2]


def _new_client(service: str, endpoint: str, credentials: Any) -> Any:
    from google.cloud import compute_v1

    options = {"api_endpoint": endpoint} if endpoint else None
    return getattr(compute_v1, f"{service}Client")(credentials=credentials, client_options=options)


def _message(name: str, value: Any) -> Any:
    """Bodies are plain JSON until here."""
    if name not in _BODIES:
        return value
    from google.cloud import compute_v1

    return getattr(compute_v1, _BODIES[name]).from_json(json.dumps(value))


def _as_json(message: Any) -> Json:
    """The message as the JSON that was on the wire."""
    text = type(message).to_json(
        message, use_integers_for_enums=False, always_print_fields_with_no_presence=False, indent=None
    )
    answer: Json = json.loads(text)
    return answer


def _attempt(call: Callable[[], Answer]) -> Answer | Fault:
    """The answer, or the failure as a value."""
    import requests
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import GoogleAuthError, TransportError

    try:
        return call()
    except GoogleAPICallError as error:
        return faults.of_http(int(error.code or 0), _body(error))
    except (requests.exceptions.RequestException, TransportError, RetryError) as error:
        return faults.no_answer(_reason(error))
    except GoogleAuthError as error:
        return Fault("credentials", "", f"Google does not accept the credentials: {error}")


def _body(error: Any) -> Any:
    try:
        return error.response.json()
    except (AttributeError, ValueError):
        return {"error": {"message": str(error.message)}}


def _reason(error: Exception) -> str:
    """The innermost text of a connection error: requests wraps it four times."""
    cause: BaseException = error
    while cause.__context__ is not None or (cause.args and isinstance(cause.args[0], BaseException)):
        cause = cause.args[0] if cause.args and isinstance(cause.args[0], BaseException) else cause.__context__  # type: ignore[assignment]
    return f"{type(error).__name__}: {cause}"
