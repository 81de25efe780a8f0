"""One request, as every handler gets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provision.local.answers import ApiError
from provision.local.listing import page
from provision.local.machines import Machines
from provision.local.operations import Operations
from provision.local.store import Store

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Cloud:
    """What handlers work with."""

    store: Store
    machines: Machines
    operations: Operations


@dataclass(frozen=True)
class Call:
    """The parts of the path, the query, and the body of one request."""

    cloud: Cloud
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]

    def text(self, field: str) -> str:
        """A text field of the body; empty when it is missing."""
        value = self.body.get(field, "")
        if not isinstance(value, str):
            raise ApiError(400, f"Invalid value at '{field}' (TYPE_STRING), {value}")
        return value

    def list_of(self, kind: str, self_link: str, documents: Sequence[Document]) -> Document:
        """A list answer: `kind` without the prefix, like `instanceList`."""
        items, token = page(documents, self.query)
        more = {"nextPageToken": token} if token else {}
        return {
            "kind": f"compute#{kind}",
            "id": self_link.partition("/v1/")[2],
            "items": items,
            "selfLink": self_link,
            **more,
        }

    def aggregated(self, kind: str, self_link: str, field: str, scopes: Mapping[str, Sequence[Document]]) -> Document:
        """Items by scope; pages count items over all scopes, and a scope without any carries Google's warning."""
        tagged = [{**item, "_scope": scope} for scope, items in scopes.items() for item in items]
        items, token = page(tagged, self.query)
        answer: dict[str, Any] = {scope: _empty(scope) for scope in scopes}
        for scope in scopes:
            chosen = [
                {key: value for key, value in item.items() if key != "_scope"}
                for item in items
                if item["_scope"] == scope
            ]
            if chosen:
                answer[scope] = {field: chosen}
        more = {"nextPageToken": token} if token else {}
        return {
            "kind": f"compute#{kind}",
            "id": self_link.partition("/v1/")[2],
            "items": answer,
            "selfLink": self_link,
            **more,
        }


Handler = Callable[[Call], Document]


def _empty(scope: str) -> Document:
    return {
        "warning": {
            "code": "NO_RESULTS_ON_PAGE",
            "message": f"There are no results for scope '{scope}' on this page.",
            "data": [{"key": "scope", "value": scope}],
        }
    }
