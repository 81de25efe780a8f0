"""Operations, of a zone or global: get, list, delete. Waiting is the app's, because it takes time and no thread."""

from __future__ import annotations

from provision.local.answers import link
from provision.local.api.call import Call, Document
from provision.local.api.places import known_zone
from provision.local.catalogue import zones


def get(call: Call) -> Document:
    return call.cloud.operations.get(scope(call), call.path["name"])


def every(call: Call) -> Document:
    place = "global" if scope(call) == "global" else f"zones/{scope(call)}"
    return call.list_of("operationList", link(f"{place}/operations"), call.cloud.operations.list(scope(call)))


def aggregated(call: Call) -> Document:
    scopes = {"global": call.cloud.operations.list("global")}
    scopes |= {f"zones/{zone}": call.cloud.operations.list(zone) for zone in zones()}
    return call.aggregated("operationAggregatedList", link("aggregated/operations"), "operations", scopes)


def delete(call: Call) -> Document:
    call.cloud.operations.delete(scope(call), call.path["name"])
    return {}


def scope(call: Call) -> str:
    """The zone, or `global`."""
    return known_zone(call) if "zone" in call.path else "global"
