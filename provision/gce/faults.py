"""Reads what Compute Engine answers when it fails: which class of failure it is, and what an operator does about it.

Operations and HTTP answers are plain JSON here. A failed operation is recognised by `error.errors`, never by its HTTP
code alone: some fail without one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from provision.errors import ProvisionError

Json = Mapping[str, Any]

Kind = Literal[
    "stockout",
    "quota",
    "rate",
    "forbidden",
    "api_off",
    "exists",
    "missing",
    "invalid",
    "in_use",
    "fingerprint",
    "policy",
    "unavailable",
    "no_answer",
    "credentials",
    "unknown",
]

_BY_CODE: Mapping[str, Kind] = {
    "ZONE_RESOURCE_POOL_EXHAUSTED": "stockout",
    "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS": "stockout",
    "RESOURCE_POOL_EXHAUSTED": "stockout",
    "INSUFFICIENT_CAPACITY": "stockout",
    "insufficientCapacity": "stockout",
    "VM_MIN_COUNT_NOT_REACHED": "stockout",
    # SkyPilot has seen these two when a machine was taken away while it was created, and while one still stopped.
    "UNSUPPORTED_OPERATION": "stockout",
    "RESOURCE_NOT_READY": "in_use",
    "QUOTA_EXCEEDED": "quota",
    "quotaExceeded": "quota",
    "rateLimitExceeded": "rate",
    "userRateLimitExceeded": "rate",
    "RATE_LIMIT_EXCEEDED": "rate",
    "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED": "rate",
    "RESOURCE_OPERATION_RATE_EXCEEDED": "rate",
    "forbidden": "forbidden",
    "PERMISSIONS_ERROR": "forbidden",
    "SERVICE_ACCOUNT_ACCESS_DENIED": "forbidden",
    "IAM_PERMISSION_DENIED": "forbidden",
    "accessNotConfigured": "api_off",
    "SERVICE_DISABLED": "api_off",
    "alreadyExists": "exists",
    "RESOURCE_ALREADY_EXISTS": "exists",
    "notFound": "missing",
    "RESOURCE_NOT_FOUND": "missing",
    "invalid": "invalid",
    "INVALID_FIELD_VALUE": "invalid",
    "INVALID_USAGE": "invalid",
    "required": "invalid",
    "badRequest": "invalid",
    "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE": "in_use",
    "resourceInUseByAnotherResource": "in_use",
    "resourceNotReady": "in_use",
    "conditionNotMet": "fingerprint",
    "CONDITION_NOT_MET": "policy",
    "backendError": "unavailable",
    "internalError": "unavailable",
    "INTERNAL_ERROR": "unavailable",
}

_BY_STATUS: Mapping[int, Kind] = {
    400: "invalid",
    401: "credentials",
    403: "forbidden",
    404: "missing",
    409: "exists",
    412: "fingerprint",
    429: "rate",
    500: "unavailable",
    502: "unavailable",
    503: "unavailable",
    504: "unavailable",
}

RETRIED: frozenset[Kind] = frozenset({"rate", "unavailable", "no_answer"})
"""What passes by itself: tried again with a growing pause."""

_EXIT_CODES: Mapping[Kind, int] = {
    "forbidden": 4,
    "api_off": 4,
    "no_answer": 4,
    "unavailable": 4,
    "rate": 4,
    "credentials": 4,
    "invalid": 2,
}


@dataclass(frozen=True)
class Fault:
    """One failure as Google told it. `details` are the ErrorInfo's, `quota` the QuotaInfo's fields."""

    kind: Kind
    code: str
    message: str
    status: int = 0
    details: Mapping[str, str] = field(default_factory=dict)
    quota: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[str, ...] = ()

    @property
    def zones_available(self) -> tuple[str, ...]:
        """Zones that have what this one lacks, in Google's own words; often none."""
        return tuple(zone for zone in re.split(r"[,\s]+", self.details.get("zonesAvailable", "")) if zone)


class CloudError(ProvisionError):
    """The cloud refused, failed, or did not answer. `fault` says how, for whoever can do something about it."""

    def __init__(self, fault: Fault, doing: str) -> None:
        super().__init__(f"{doing}: {_headline(fault)}", why(fault), next_step(fault))
        self.fault = fault
        self.exit_code = _EXIT_CODES.get(fault.kind, 1)


def of_operation(operation: Json) -> Fault | None:
    """The failure of a finished or still running operation; None when it carries no error."""
    errors = (operation.get("error") or {}).get("errors") or []
    status = int(operation.get("httpErrorStatusCode") or 0)
    if not errors and not status:
        return None
    faults = [_operation_fault(error, status) for error in errors]
    if not faults:
        return Fault(_BY_STATUS.get(status, "unknown"), "", str(operation.get("httpErrorMessage", "")), status)
    return _weightiest(faults)


def of_http(status: int, body: Any) -> Fault:
    """The failure of one HTTP call, from the legacy reason or the newer ErrorInfo, else from the status alone."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return Fault(_BY_STATUS.get(status, "unknown"), "", f"HTTP {status}", status)
    reasons = [str(item.get("reason", "")) for item in error.get("errors") or [] if isinstance(item, Mapping)]
    details = [item for item in error.get("details") or [] if isinstance(item, Mapping)]
    info = next((item for item in details if str(item.get("@type", "")).endswith("ErrorInfo")), {})
    codes = [str(info.get("reason", "")), *reasons, str(error.get("status", ""))]
    code = next((code for code in codes if code in _BY_CODE), next((code for code in codes if code), ""))
    message = str(error.get("message", "")) or f"HTTP {status}"
    return Fault(
        _kind(code, message, status), code, message, status, info.get("metadata") or {}, links=tuple(_links(details))
    )


def no_answer(reason: str) -> Fault:
    """Nothing came back: refused, cut off, or too slow."""
    return Fault("no_answer", "", reason)


def _operation_fault(error: Json, status: int) -> Fault:
    code, message = str(error.get("code", "")), str(error.get("message", ""))
    details = error.get("errorDetails") or []
    info = _first(details, "errorInfo").get("metadatas") or {}
    return Fault(
        _kind(code, message, status),
        code,
        message,
        status,
        {str(name): str(value) for name, value in info.items()},
        _first(details, "quotaInfo"),
        tuple(link.get("url", "") for link in _first(details, "help").get("links") or []),
    )


def _kind(code: str, message: str, status: int) -> Kind:
    if code in _BY_CODE:
        return _BY_CODE[code]
    if "QUOTA" in code:  # new quota codes appear; autoscaler reads them the same way
        return "quota"
    if "constraints/" in message:
        return "policy"
    return _BY_STATUS.get(status, "unknown")


def _weightiest(faults: list[Fault]) -> Fault:
    """Of several errors the one that says most: bulk requests add a count error to the reason."""
    return next((fault for fault in faults if fault.details or fault.quota), faults[0])


def _first(details: Iterable[Json], name: str) -> Json:
    return next((item[name] for item in details if name in item), {})


def _links(details: Iterable[Json]) -> Iterator[str]:
    for item in details:
        for link in item.get("links") or []:
            yield str(link.get("url", ""))


def _headline(fault: Fault) -> str:
    if fault.kind == "stockout":
        wanted = " ".join(fault.details[key] for key in ("vmType", "attachment") if fault.details.get(key))
        return f"{fault.details.get('zone') or 'the zone'} has no {wanted or 'machine of this kind'} left"
    return fault.message or fault.code or "no reason given"


def why(fault: Fault) -> str:
    """The reason, as far as the answer gives it."""
    match fault.kind:
        case "stockout":
            return f"{fault.code}: capacity, not your quota; waiting in one zone rarely helps"
        case "quota":
            return _quota(fault)
        case "api_off":
            return "the Compute Engine API is switched off in this project"
        case "policy":
            return "a constraint of the organisation forbids it"
        case "no_answer":
            return "no connection to the cloud"
        case _:
            return " ".join(part for part in (fault.code, f"(HTTP {fault.status})" if fault.status else "") if part)


def _quota(fault: Fault) -> str:
    quota = fault.quota
    limit = quota.get("limit")
    name = quota.get("limitName") or quota.get("metricName") or ""
    place = ", ".join(f"{key} {value}" for key, value in (quota.get("dimensions") or {}).items())
    told = f"{name} allows {limit:g}" if isinstance(limit, int | float) and name else "the project's quota is used up"
    return f"{told} ({place})" if place else told


def next_step(fault: Fault) -> str:
    """What an operator does next, as a command where there is one."""
    match fault.kind:
        case "stockout" if fault.zones_available:
            return f"`--zone {fault.zones_available[0]}` has some, says Google" + _others(fault.zones_available)
        case "stockout":
            return "try another `--zone`, or `--spot` the other way round"
        case "quota" if "GPUS_ALL_REGIONS" in fault.message:
            return "ask for the quota GPUS_ALL_REGIONS (new projects have 0): https://console.cloud.google.com/iam-admin/quotas"
        case "quota":
            return "delete a machine, try another region, or ask for more: https://console.cloud.google.com/iam-admin/quotas"
        case "forbidden" if permission := re.search(r"'([a-z]+\.[A-Za-z.]+)'", fault.message):
            return f"ask for a role with `{permission.group(1)}`"
        case "forbidden":
            return "ask for the role roles/compute.instanceAdmin.v1 (and compute.securityAdmin for firewall rules)"
        case "api_off" if fault.links:
            return f"switch it on: {fault.links[0]}"
        case "api_off":
            return "`gcloud services enable compute.googleapis.com`"
        case "credentials":
            return "`gcloud auth application-default login`"
        case "rate" | "unavailable" | "no_answer" | "in_use" | "fingerprint":
            return "try again; a repeat goes on where this stopped"
        case "policy" if "vmExternalIpAccess" in fault.message:
            return "public addresses are forbidden here: ask for an exception for this project"
        case _:
            return fault.links[0] if fault.links else ""


def _others(zones: tuple[str, ...]) -> str:
    return f"; also {', '.join(zones[1:])}" if zones[1:] else ""
