"""What the API says when it does not give what was asked for, in Google's words and shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provision.errors import ProvisionError

PROJECT = "local"
API = "https://www.googleapis.com/compute/v1/"

_REASONS = {
    400: "invalid",
    403: "forbidden",
    404: "notFound",
    409: "alreadyExists",
    412: "conditionNotMet",
    429: "rateLimitExceeded",
    501: "notImplemented",
    503: "backendError",
}
_STATUS = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ALREADY_EXISTS"}
_HTTP_TEXT = {400: "BAD REQUEST", 403: "FORBIDDEN", 404: "NOT FOUND", 409: "CONFLICT", 503: "SERVICE UNAVAILABLE"}


class ApiError(ProvisionError):
    """A request that the cloud refuses: HTTP code, reason and text as Google has them."""

    def __init__(self, code: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason or _REASONS.get(code, "backendError")

    def body(self) -> dict[str, Any]:
        """The JSON document of the answer."""
        error = {"message": self.what, "domain": "global", "reason": self.reason}
        status = {"status": _STATUS[self.code]} if self.code in _STATUS else {}
        return {"error": {"code": self.code, "message": self.what, "errors": [error], **status}}


class OperationFailure(ProvisionError):
    """Why an operation that had begun did not end well: the code, and what Google puts beside it."""

    def __init__(self, code: str, message: str, http: int = 400, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.http = http
        self.details = details


def invalid(field: str, value: object, why: str) -> ApiError:
    """A value that Google refuses, in its words."""
    return ApiError(400, f"Invalid value for field '{field}': '{value}'. {why}")


def not_found(path: str) -> ApiError:
    return ApiError(404, f"The resource '{path}' was not found")


def exists(path: str) -> ApiError:
    return ApiError(409, f"The resource '{path}' already exists")


def operation_error(failure: ProvisionError) -> dict[str, Any]:
    """The part of an operation that tells its failure. `httpError...` must be there: clients take an operation without
    them for a success."""
    if isinstance(failure, OperationFailure):
        details = {"errorDetails": [dict(failure.details)]} if failure.details else {}
        return _failed(failure.code, failure.what, failure.http, details)
    told = failure.what + (f": {failure.why}" if failure.why else "")
    hint = {"errorDetails": [{"help": {"links": [{"description": failure.hint}]}}]} if failure.hint else {}
    return _failed("INTERNAL_ERROR", told, 500, hint)


def _failed(code: str, message: str, http: int, details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "error": {"errors": [{"code": code, "message": message, **details}]},
        "httpErrorStatusCode": http,
        "httpErrorMessage": _HTTP_TEXT.get(http, "INTERNAL SERVER ERROR"),
    }


def link(path: str) -> str:
    """The URL of a resource of this project. Google's own host, so that it does not change with our port."""
    return f"{API}projects/{PROJECT}/{path}"


def path_of(url: str) -> str:
    """`projects/P/...` of a full or partial URL; a partial one is taken as it is."""
    found = url.find("projects/")
    return url[found:] if found >= 0 else url.lstrip("/")
