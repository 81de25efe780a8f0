"""Instances: their life, metadata, labels and tags, console and guest attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from provision.local import catalogue
from provision.local.answers import PROJECT, ApiError, exists, invalid, link, not_found
from provision.local.api.call import Call, Document
from provision.local.api.places import known_zone
from provision.local.api.requests import checked_labels, fingerprint, instance_of, metadata_of, tags_of
from provision.local.docker_engine import State
from provision.local.operations import Order, request_id
from provision.local.store import Body, Transaction

_SETTLED = ("RUNNING", "TERMINATED")
_CONSOLE_BYTES = 1 << 20


def insert(call: Call) -> Document:
    zone = known_zone(call)
    instance = instance_of(call.body, zone)

    def accept(transaction: Transaction) -> str:
        if transaction.get("instances", zone, instance["name"]) is not None:
            raise exists(_path(zone, instance["name"]))
        transaction.put("instances", zone, instance["name"], instance)
        return str(instance["id"])

    return call.cloud.operations.begin(
        Order("instances.insert", zone, instance["name"], request_id(call.query)), accept
    )


def get(call: Call) -> Document:
    zone, body = _found(call)
    return _observed(call, zone, body, call.cloud.machines.states())


def in_zone(call: Call) -> Document:
    zone = known_zone(call)
    return call.list_of("instanceList", link(f"zones/{zone}/instances"), _all(call).get(f"zones/{zone}", []))


def aggregated(call: Call) -> Document:
    empty: dict[str, list[Body]] = {f"zones/{zone}": [] for zone in catalogue.zones()}
    return call.aggregated("instanceAggregatedList", link("aggregated/instances"), "instances", {**empty, **_all(call)})


def delete(call: Call) -> Document:
    def accept(body: Body) -> Body:
        if body["deletionProtection"]:
            text = f"Resource cannot be deleted if it's protected against deletion. {body['name']}"
            raise invalid("resource.deletionProtection", "true", text)
        return {**body, "status": "STOPPING"}

    return _change(call, "delete", accept)


def start(call: Call) -> Document:
    return _change(call, "start", lambda body: {**body, "status": "STAGING"})


def stop(call: Call) -> Document:
    return _change(call, "stop", lambda body: {**body, "status": "STOPPING"})


def reset(call: Call) -> Document:
    def accept(body: Body) -> Body:
        if body["status"] != "RUNNING":
            raise ApiError(400, f"Instance '{body['name']}' is not running.", "resourceNotReady")
        return body

    return _change(call, "reset", accept)


def set_metadata(call: Call) -> Document:
    def accept(body: Body) -> Body:
        _same(call, body["metadata"]["fingerprint"], "fingerprint", "metadata")
        return {**body, "metadata": metadata_of(call.body.get("items") or [])}

    return _change(call, "setMetadata", accept)


def set_tags(call: Call) -> Document:
    def accept(body: Body) -> Body:
        _same(call, body["tags"]["fingerprint"], "fingerprint", "tags")
        return {**body, "tags": tags_of(call.body.get("items") or [])}

    return _change(call, "setTags", accept)


def set_labels(call: Call) -> Document:
    def accept(body: Body) -> Body:
        _same(call, body["labelFingerprint"], "labelFingerprint", "label")
        labels = checked_labels(call.body.get("labels") or {})
        return {**body, "labels": labels, "labelFingerprint": fingerprint(labels)}

    return _change(call, "setLabels", accept)


def serial_port(call: Call) -> Document:
    zone, body = _found(call)
    output = call.cloud.machines.console(zone, body["name"])
    asked = call.query.get("start", "0")
    if not asked.lstrip("-").isdigit():
        raise invalid("start", asked, "Must be a number.")
    first = max(0, len(output) - _CONSOLE_BYTES, int(asked) if int(asked) >= 0 else len(output) + int(asked))
    return {
        "kind": "compute#serialPortOutput", "selfLink": f"{body['selfLink']}/serialPort",
        "contents": output[first:].decode(errors="replace"), "start": str(first), "next": str(max(first, len(output))),
    }  # fmt: skip


def guest_attributes(call: Call) -> Document:
    zone, body = _found(call)
    query = call.query.get("queryPath") or call.query.get("variableKey") or ""
    enabled = any(
        item["key"] == "enable-guest-attributes" and str(item.get("value", "")).upper() == "TRUE"
        for item in body["metadata"].get("items") or ()
    )
    published = call.cloud.machines.guest_attributes(zone, body["name"]) if enabled else {}
    prefix = query if query.endswith("/") or not query else f"{query}/"
    chosen = {path: value for path, value in published.items() if path == query or path.startswith(prefix)}
    if not chosen:
        raise ApiError(404, f"The resource '{query}' of type 'Guest Attribute' was not found.")
    items = [
        {"namespace": path.partition("/")[0], "key": path.partition("/")[2], "value": value}
        for path, value in _tampered(call, zone, body["name"], chosen).items()
    ]
    return {
        "kind": "compute#guestAttributes", "selfLink": f"{body['selfLink']}/getGuestAttributes",
        "queryPath": query, "queryValue": {"items": items},
    }  # fmt: skip


def _tampered(call: Call, zone: str, name: str, attributes: Mapping[str, str]) -> Mapping[str, str]:
    """With the fault `bad-host-key`, the host keys of another machine: what somebody in between would show."""
    with call.cloud.store.write() as transaction:
        fault = transaction.strike("bad-host-key", (zone, name))
    if fault is None:
        return attributes
    return {
        path: value[:-8] + value[-8:].swapcase() if path.startswith("hostkeys/") else value
        for path, value in attributes.items()
    }


def _change(call: Call, action: str, accept: Callable[[Body], Body]) -> Document:
    """Begin an operation on an instance that is there."""
    zone, name = known_zone(call), call.path["name"]

    def accepted(transaction: Transaction) -> str:
        body = _present(transaction, zone, name)
        transaction.put("instances", zone, name, accept(body))
        return str(body["id"])

    return call.cloud.operations.begin(Order(f"instances.{action}", zone, name, request_id(call.query)), accepted)


def _found(call: Call) -> tuple[str, Body]:
    zone = known_zone(call)
    with call.cloud.store.read() as transaction:
        return zone, _present(transaction, zone, call.path["name"])


def _present(transaction: Transaction, zone: str, name: str) -> Body:
    body = transaction.get("instances", zone, name)
    if body is None:
        raise not_found(_path(zone, name))
    return body


def _path(zone: str, name: str) -> str:
    return f"projects/{PROJECT}/zones/{zone}/instances/{name}"


def _all(call: Call) -> dict[str, list[Body]]:
    states = call.cloud.machines.states()
    found: dict[str, list[Body]] = {}
    with call.cloud.store.read() as transaction:
        rows = transaction.all("instances")
    for zone, body in rows:
        found.setdefault(f"zones/{zone}", []).append(_observed(call, zone, body, states))
    return found


def _observed(call: Call, zone: str, body: Body, states: Mapping[str, State]) -> Body:
    """The instance with the status that its container really has, unless an operation is changing it."""
    if body["status"] not in _SETTLED:
        return body
    running = states.get(call.cloud.machines.container(zone, body["name"])) == "running"
    return {**body, "status": "RUNNING" if running else "TERMINATED"}


def _same(call: Call, current: str, field: str, what: str) -> None:
    given: Any = call.body.get(field)
    if not given:
        raise ApiError(
            412, f"Supplied fingerprint is empty; the current {what} fingerprint is needed.", "conditionNotMet"
        )
    if given != current:
        text = "Labels fingerprint either invalid or resource labels have changed"
        raise ApiError(
            412, text if what == "label" else f"Supplied fingerprint does not match current {what} fingerprint."
        )
