"""Failures as Google has been seen to tell them, and what we make of each."""

from __future__ import annotations

from typing import Any

import pytest

from provision.gce import faults
from provision.gce.faults import CloudError, Fault


def operation(code: str, message: str = "", status: int = 0, **details: Any) -> dict[str, Any]:
    """A failed insert; `details` become one entry each of errorDetails."""
    error: dict[str, Any] = {"code": code, "message": message}
    if details:
        error["errorDetails"] = [{name: value} for name, value in details.items()]
    body: dict[str, Any] = {"name": "operation-1", "status": "DONE", "error": {"errors": [error]}}
    return body | ({"httpErrorStatusCode": status, "httpErrorMessage": "SOMETHING"} if status else {})


def http(reason: str, message: str = "", details: list[Any] | None = None, code: int = 403) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message, "errors": [{"reason": reason, "message": message}]}
    return {"error": error | ({"details": details} if details else {})}


# The L4 stockout of 2026-05-20: the code with details, the zone's full path in the message.
STOCKOUT = operation(
    "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS",
    "The zone 'projects/P/zones/us-central1-c' does not have enough resources available to fulfill the request. "
    "(state:STOCKOUT, sub-state:STOCKOUT, resource type:compute)",
    503,
    help={"links": [{"description": "Troubleshooting", "url": "https://cloud.google.com/resource-error"}]},
    localizedMessage={"locale": "en-US", "message": "A g2-standard-4 VM instance is currently unavailable"},
    errorInfo={
        "domain": "compute.googleapis.com",
        "reason": "resource_availability",
        "metadatas": {
            "zone": "us-central1-c",
            "vmType": "g2-standard-4",
            "attachment": "nvidia-l4:1",
            "zonesAvailable": "us-central1-a,us-central1-f",
        },
    },
)

QUOTA = operation(
    "QUOTA_EXCEEDED",
    "Quota 'NVIDIA_L4_GPUS' exceeded. Limit: 1.0 in region us-central1.",
    403,
    quotaInfo={
        "metricName": "compute.googleapis.com/nvidia_l4_gpus",
        "limitName": "NVIDIA-L4-GPUS-per-project-region",
        "dimensions": {"region": "us-central1"},
        "limit": 1,
    },
)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ZONE_RESOURCE_POOL_EXHAUSTED", 503, "stockout"),
        ("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", 503, "stockout"),
        ("RESOURCE_POOL_EXHAUSTED", 503, "stockout"),
        ("INSUFFICIENT_CAPACITY", 503, "stockout"),
        ("UNSUPPORTED_OPERATION", 400, "stockout"),
        ("RESOURCE_NOT_READY", 400, "in_use"),
        ("QUOTA_EXCEEDED", 403, "quota"),
        ("GPU_FAMILY_QUOTA_EXHAUSTED", 403, "quota"),
        ("CONCURRENT_OPERATIONS_QUOTA_EXCEEDED", 403, "rate"),
        ("RESOURCE_OPERATION_RATE_EXCEEDED", 0, "rate"),
        ("PERMISSIONS_ERROR", 403, "forbidden"),
        ("SERVICE_ACCOUNT_ACCESS_DENIED", 400, "forbidden"),
        ("RESOURCE_ALREADY_EXISTS", 409, "exists"),
        ("RESOURCE_NOT_FOUND", 404, "missing"),
        ("RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", 400, "in_use"),
        ("CONDITION_NOT_MET", 412, "policy"),
        ("INVALID_USAGE", 400, "invalid"),
        ("INTERNAL_ERROR", 503, "unavailable"),
        ("NEVER_SEEN_BEFORE", 400, "invalid"),
        ("NEVER_SEEN_BEFORE", 0, "unknown"),
    ],
)
def test_a_failed_operation_is_of_a_kind(code: str, status: int, kind: str) -> None:
    fault = faults.of_operation(operation(code, "words", status))
    assert fault is not None and (fault.kind, fault.code, fault.status) == (kind, code, status)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, http("rateLimitExceeded"), "rate"),
        (403, http("quotaExceeded"), "quota"),
        (403, http("forbidden", "Required 'compute.instances.create' permission for 'p'"), "forbidden"),
        (403, http("accessNotConfigured"), "api_off"),
        (409, http("alreadyExists", code=409), "exists"),
        (404, http("notFound", code=404), "missing"),
        (400, http("invalid", code=400), "invalid"),
        (400, http("resourceNotReady", code=400), "in_use"),
        (412, http("conditionNotMet", "Supplied fingerprint does not match", code=412), "fingerprint"),
        (503, http("insufficientCapacity", code=503), "stockout"),
        (503, http("backendError", code=503), "unavailable"),
        (429, {"error": {"code": 429, "message": "slow down"}}, "rate"),
        (500, "<html>oops</html>", "unavailable"),
        (502, None, "unavailable"),
        (504, {}, "unavailable"),
        (401, {"error": {"code": 401, "message": "Login Required"}}, "credentials"),
        (418, {"error": {"code": 418, "message": "teapot"}}, "unknown"),
        (403, {"error": ["not", "an", "object"]}, "forbidden"),
    ],
)
def test_a_refused_call_is_of_a_kind(status: int, body: Any, kind: str) -> None:
    assert faults.of_http(status, body).kind == kind


def test_an_operation_without_errors_is_no_failure() -> None:
    assert faults.of_operation({"status": "DONE"}) is None
    assert faults.of_operation({"status": "DONE", "error": {"errors": []}}) is None
    assert faults.of_operation({"status": "DONE", "warnings": [{"code": "DISK_SIZE_LARGER_THAN_IMAGE_SIZE"}]}) is None


def test_errors_without_an_http_code_are_a_failure() -> None:
    fault = faults.of_operation(operation("ZONE_RESOURCE_POOL_EXHAUSTED"))
    assert fault is not None and fault.kind == "stockout"


def test_an_http_code_without_errors_is_a_failure() -> None:
    fault = faults.of_operation({"status": "DONE", "httpErrorStatusCode": 503, "httpErrorMessage": "UNAVAILABLE"})
    assert fault == Fault("unavailable", "", "UNAVAILABLE", 503)


def test_of_several_errors_the_one_with_details_counts() -> None:
    both = operation("VM_MIN_COUNT_NOT_REACHED")
    both["error"]["errors"] += QUOTA["error"]["errors"]
    fault = faults.of_operation(both)
    assert fault is not None and fault.kind == "quota"


def test_a_stockout_names_the_zones_that_have_some() -> None:
    fault = faults.of_operation(STOCKOUT)
    assert fault is not None and fault.zones_available == ("us-central1-a", "us-central1-f")
    error = CloudError(fault, "create tts-1")
    assert error.what == "create tts-1: us-central1-c has no g2-standard-4 nvidia-l4:1 left"
    assert error.hint == "`--zone us-central1-a` has some, says Google; also us-central1-f"
    assert error.exit_code == 1


@pytest.mark.parametrize("told", ["", " ", ","])
def test_a_stockout_may_know_no_other_zone(told: str) -> None:
    fault = Fault("stockout", "ZONE_RESOURCE_POOL_EXHAUSTED", "no", details={"zonesAvailable": told})
    assert fault.zones_available == ()
    assert "another `--zone`" in CloudError(fault, "create tts-1").hint


def test_a_quota_says_which_how_much_and_where() -> None:
    fault = faults.of_operation(QUOTA)
    assert fault is not None
    error = CloudError(fault, "create tts-1")
    assert error.why == "NVIDIA-L4-GPUS-per-project-region allows 1 (region us-central1)"
    assert "NVIDIA_L4_GPUS" in error.what and "another region" in error.hint


def test_the_global_gpu_quota_is_explained() -> None:
    fault = faults.of_operation(
        operation("QUOTA_EXCEEDED", "Quota 'GPUS_ALL_REGIONS' exceeded. Limit: 0.0 globally.", 403)
    )
    assert fault is not None and "new projects have 0" in CloudError(fault, "create").hint


def test_a_missing_permission_is_named() -> None:
    body = http("forbidden", "Required 'compute.instances.create' permission for 'projects/p/zones/z/instances/x'")
    error = CloudError(faults.of_http(403, body), "create x")
    assert "`compute.instances.create`" in error.hint and error.exit_code == 4


def test_a_switched_off_api_comes_with_its_address() -> None:
    details = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED", "metadata": {"a": "b"}},
        {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"url": "https://console/enable"}]},
    ]
    fault = faults.of_http(403, http("forbidden", "API has not been used", details))
    assert (fault.kind, fault.details, fault.links) == ("api_off", {"a": "b"}, ("https://console/enable",))
    assert "https://console/enable" in CloudError(fault, "list").hint


def test_a_constraint_of_the_organisation_is_told_apart() -> None:
    message = "Constraint constraints/compute.vmExternalIpAccess violated for project 1"
    fault = faults.of_operation(operation("SOMETHING_NEW", message, 412))
    assert fault is not None and fault.kind == "policy"
    assert "public addresses are forbidden" in CloudError(fault, "create").hint


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        ("no_answer", 4),
        ("credentials", 4),
        ("api_off", 4),
        ("invalid", 2),
        ("quota", 1),
        ("stockout", 1),
        ("exists", 1),
    ],
)
def test_the_exit_code_says_whose_turn_it_is(kind: Any, exit_code: int) -> None:
    assert CloudError(Fault(kind, "", "words"), "create").exit_code == exit_code


def test_every_kind_has_words_for_the_reader() -> None:
    for kind in faults.Kind.__args__:  # type: ignore[attr-defined]
        error = CloudError(Fault(kind, "", ""), "create x")
        assert error.what.startswith("create x: ") and len(error.what) > len("create x: ")
