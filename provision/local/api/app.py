"""The ASGI app: every path of the API to its handler, every refusal to Google's error document."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from provision.errors import ProvisionError
from provision.local.answers import PROJECT, ApiError, not_found
from provision.local.api import firewalls, instances, operations, places
from provision.local.api.call import Call, Cloud, Handler
from provision.local.operations import POLL_S, WAIT_S

_INSTANCES = "zones/{zone}/instances"
_INSTANCE = "zones/{zone}/instances/{name}"

# Method and path under projects/{project}/ to handler. The paths are those of Google's discovery document.
ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "zones", places.zones),
    ("GET", "zones/{zone}", places.zone),
    ("GET", "regions", places.regions),
    ("GET", "regions/{region}", places.region),
    ("GET", "zones/{zone}/machineTypes", places.machine_types),
    ("GET", "zones/{zone}/machineTypes/{name}", places.machine_type),
    ("GET", "aggregated/machineTypes", places.all_machine_types),
    ("GET", "zones/{zone}/acceleratorTypes", places.accelerator_types),
    ("GET", "zones/{zone}/acceleratorTypes/{name}", places.accelerator_type),
    ("GET", "aggregated/acceleratorTypes", places.all_accelerator_types),
    ("GET", "global/networks", places.networks),
    ("GET", "global/networks/{name}", places.network),
    ("POST", _INSTANCES, instances.insert),
    ("GET", _INSTANCES, instances.in_zone),
    ("GET", "aggregated/instances", instances.aggregated),
    ("GET", _INSTANCE, instances.get),
    ("DELETE", _INSTANCE, instances.delete),
    ("POST", f"{_INSTANCE}/start", instances.start),
    ("POST", f"{_INSTANCE}/stop", instances.stop),
    ("POST", f"{_INSTANCE}/reset", instances.reset),
    ("POST", f"{_INSTANCE}/setMetadata", instances.set_metadata),
    ("POST", f"{_INSTANCE}/setLabels", instances.set_labels),
    ("POST", f"{_INSTANCE}/setTags", instances.set_tags),
    ("GET", f"{_INSTANCE}/serialPort", instances.serial_port),
    ("GET", f"{_INSTANCE}/getGuestAttributes", instances.guest_attributes),
    ("POST", "global/firewalls", firewalls.insert),
    ("GET", "global/firewalls", firewalls.every),
    ("GET", "global/firewalls/{name}", firewalls.get),
    ("PATCH", "global/firewalls/{name}", firewalls.patch),
    ("PUT", "global/firewalls/{name}", firewalls.update),
    ("DELETE", "global/firewalls/{name}", firewalls.delete),
    ("GET", "zones/{zone}/operations", operations.every),
    ("GET", "zones/{zone}/operations/{name}", operations.get),
    ("DELETE", "zones/{zone}/operations/{name}", operations.delete),
    ("GET", "global/operations", operations.every),
    ("GET", "global/operations/{name}", operations.get),
    ("DELETE", "global/operations/{name}", operations.delete),
    ("GET", "aggregated/operations", operations.aggregated),
)

# Public images belong to other projects, which have nothing else here.
IMAGE_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "global/images", places.images),
    ("GET", "global/images/{name}", places.image),
    ("GET", "global/images/family/{name}", places.image_of_family),
    ("GET", "zones/{zone}/imageFamilyViews/{name}", places.image_family_view),
)

_PREFIX = "/compute/v1/projects/{project}"

Endpoint = Callable[[Request], Awaitable[Response]]


def app(cloud: Cloud) -> Starlette:
    """The whole API over one cloud."""
    own = [_route(cloud, method, f"{_PREFIX}/{path}", handler, True) for method, path, handler in ROUTES]
    images = [_route(cloud, method, f"{_PREFIX}/{path}", handler, False) for method, path, handler in IMAGE_ROUTES]
    waits = [
        Route(f"{_PREFIX}/{place}/operations/{{name}}/wait", _waiting(cloud), methods=["POST"])
        for place in ("global", "zones/{zone}")
    ]
    whole = _route(cloud, "GET", _PREFIX, places.project, True)
    return Starlette(
        routes=[*images, *waits, *own, whole],
        exception_handlers={ProvisionError: _refused, 404: _unknown_path, 405: _unknown_path},
    )


def _route(cloud: Cloud, method: str, path: str, handler: Handler, own: bool) -> Route:
    async def endpoint(request: Request) -> Response:
        if own:
            _check_project(request)
        body = await _body(request)
        return JSONResponse(await run_in_threadpool(_answer, cloud, request, body, handler))

    return Route(path, endpoint, methods=[method])


def _answer(cloud: Cloud, request: Request, body: Mapping[str, Any], handler: Handler) -> Mapping[str, Any]:
    _strike(cloud, request)
    return handler(_call(cloud, request, body))


def _call(cloud: Cloud, request: Request, body: Mapping[str, Any]) -> Call:
    return Call(cloud, dict(request.path_params), dict(request.query_params), body)


def _waiting(cloud: Cloud) -> Endpoint:
    """Answers when the operation is done, or after two minutes as it is then."""

    async def endpoint(request: Request) -> Response:
        _check_project(request)
        call = _call(cloud, request, {})
        scope, name, until = operations.scope(call), call.path["name"], time.monotonic() + WAIT_S
        await run_in_threadpool(cloud.operations.adopt)
        while not cloud.operations.is_settled(scope, name) and time.monotonic() < until:
            await asyncio.sleep(POLL_S)
        return JSONResponse(await run_in_threadpool(operations.get, call))

    return endpoint


async def _body(request: Request) -> Mapping[str, Any]:
    raw = await request.body()
    if not raw:
        return {}
    try:
        parsed = json.loads(raw)
    except ValueError as error:
        raise ApiError(400, f"Invalid JSON payload received. {error}", "parseError") from error
    if not isinstance(parsed, dict):
        raise ApiError(400, "Invalid JSON payload received. The body must be an object.", "parseError")
    return parsed


def _check_project(request: Request) -> None:
    project = request.path_params["project"]
    if project != PROJECT:
        raise not_found(f"projects/{project}")


def _strike(cloud: Cloud, request: Request) -> None:
    """The fault `http`: a refusal before anything is done."""
    with cloud.store.write() as transaction:
        fault = transaction.strike("http", (request.method, request.path_params.get("zone", "global")))
    if fault is not None:
        code = int(fault.body.get("code", 503))
        raise ApiError(code, str(fault.body.get("message", "The service is currently unavailable.")))


async def _refused(request: Request, error: Exception) -> Response:
    refusal = error if isinstance(error, ApiError) else ApiError(503, _told(error))
    return JSONResponse(refusal.body(), status_code=refusal.code)


def _told(error: Exception) -> str:
    parts = (error.what, error.why, error.hint) if isinstance(error, ProvisionError) else (str(error),)
    return ": ".join(part for part in parts if part)


async def _unknown_path(request: Request, error: Exception) -> Response:
    text = f"The local cloud does not know {request.method} {request.url.path}"
    refusal = ApiError(404, text) if request.method in ("GET", "HEAD") else ApiError(501, text)
    return JSONResponse(refusal.body(), status_code=refusal.code)
