"""Firewall rules of the one network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provision.local.answers import PROJECT, exists, invalid, link, not_found
from provision.local.api.call import Call, Document
from provision.local.api.requests import checked_name
from provision.local.catalogue import NETWORK
from provision.local.firewall import DEFAULT_PRIORITY, wrong_part
from provision.local.machines import timestamp
from provision.local.operations import Order, new_id, request_id
from provision.local.store import Body, Transaction

_SCOPE = "global"
_OUR_OWN = ("kind", "id", "creationTimestamp", "selfLink")


def insert(call: Call) -> Document:
    name = checked_name(call.body.get("name", ""))
    rule = _completed({**call.body, "id": new_id(), "creationTimestamp": timestamp()}, name)

    def accept(transaction: Transaction) -> str:
        if transaction.get("firewalls", _SCOPE, name) is not None:
            raise exists(_path(name))
        transaction.put("firewalls", _SCOPE, name, rule)
        return str(rule["id"])

    return call.cloud.operations.begin(Order("firewalls.insert", _SCOPE, name, request_id(call.query)), accept)


def get(call: Call) -> Document:
    with call.cloud.store.read() as transaction:
        return _present(transaction, call.path["name"])


def every(call: Call) -> Document:
    with call.cloud.store.read() as transaction:
        rules = [rule for _, rule in transaction.all("firewalls")]
    return call.list_of("firewallList", link("global/firewalls"), rules)


def patch(call: Call) -> Document:
    """Changes the fields that the body names; a list replaces the whole list."""
    return _replace(call, "patch", keep=True)


def update(call: Call) -> Document:
    """The body is the whole rule."""
    return _replace(call, "update", keep=False)


def delete(call: Call) -> Document:
    name = call.path["name"]

    def accept(transaction: Transaction) -> str:
        rule = _present(transaction, name)
        transaction.drop("firewalls", _SCOPE, name)
        return str(rule["id"])

    return call.cloud.operations.begin(Order("firewalls.delete", _SCOPE, name, request_id(call.query)), accept)


def _replace(call: Call, action: str, keep: bool) -> Document:
    name = call.path["name"]

    def accept(transaction: Transaction) -> str:
        before = _present(transaction, name)
        kept = before if keep else {key: before[key] for key in _OUR_OWN}
        changes = {key: value for key, value in call.body.items() if key not in _OUR_OWN}
        transaction.put("firewalls", _SCOPE, name, _completed({**kept, **changes}, name))
        return str(before["id"])

    return call.cloud.operations.begin(Order(f"firewalls.{action}", _SCOPE, name, request_id(call.query)), accept)


def _completed(rule: Mapping[str, Any], name: str) -> Body:
    """The rule with Google's defaults, when it is sound."""
    network = str(rule.get("network") or link(f"global/networks/{NETWORK}"))
    if network.rsplit("/", 1)[-1] != NETWORK:
        raise invalid("resource.network", network, "The referenced network resource cannot be found.")
    direction = rule.get("direction", "INGRESS")
    complete = {
        "description": "", "priority": DEFAULT_PRIORITY, "disabled": False, "logConfig": {"enable": False}, **rule,
        "kind": "compute#firewall", "name": name, "direction": direction, "network": link(f"global/networks/{NETWORK}"),
        "selfLink": link(f"global/firewalls/{name}"),
    }  # fmt: skip
    wrong = wrong_part(complete)
    if wrong is not None:
        raise invalid(*wrong)
    sources = ("sourceRanges", "sourceTags", "sourceServiceAccounts")
    if direction == "INGRESS" and not any(complete.get(source) for source in sources):
        complete["sourceRanges"] = ["0.0.0.0/0"]
    if direction == "EGRESS" and not complete.get("destinationRanges"):
        complete["destinationRanges"] = ["0.0.0.0/0"]
    return complete


def _present(transaction: Transaction, name: str) -> Body:
    rule = transaction.get("firewalls", _SCOPE, name)
    if rule is None:
        raise not_found(_path(name))
    return rule


def _path(name: str) -> str:
    return f"projects/{PROJECT}/global/firewalls/{name}"
