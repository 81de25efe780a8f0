"""Bad luck on order: faults that were scripted, and quotas that are used up, told as Google tells them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from provision.local import quotas
from provision.local.answers import PROJECT, OperationFailure
from provision.local.catalogue import region_of, zones
from provision.local.store import Body, Store


def check_creation(store: Store, zone: str, name: str) -> None:
    """Refuse the instance when a stockout is due, or a quota does not allow it."""
    with store.write() as transaction:
        body = transaction.get("instances", zone, name)
        instances = transaction.all("instances")
        stocked_out = transaction.strike("stockout", (zone,))
        tight = transaction.strike("quota", (zone, region_of(zone)))
    if body is None:
        return
    if stocked_out is not None:
        raise stockout(zone, body, stocked_out.body)
    quotas.check(body, zone, instances, tight.body if tight else {})


def pause_if_slow(store: Store, zone: str, name: str) -> None:
    """Wait before the boot when a slow one is due."""
    with store.write() as transaction:
        fault = transaction.strike("slow-boot", (zone, name))
    if fault is not None:
        time.sleep(float(fault.body.get("seconds", 10)))


def stockout(zone: str, body: Body, particulars: Mapping[str, Any]) -> OperationFailure:
    """The failure in the shape that was seen on Google's cloud."""
    others = particulars.get(
        "zonesAvailable", [other for other in zones() if other[:-2] == zone[:-2] and other != zone]
    )
    metadatas = {
        "zone": zone,
        "vmType": str(body["machineType"]).rsplit("/", 1)[-1],
        "attachment": ",".join(
            f"{str(item['acceleratorType']).rsplit('/', 1)[-1]}:{item['acceleratorCount']}"
            for item in body.get("guestAccelerators") or ()
        ),
        "zonesAvailable": ",".join(others),
    }
    text = (
        f"The zone 'projects/{PROJECT}/zones/{zone}' does not have enough resources available to fulfill the request.  "
        "Try a different zone, or try again later. (state:STOCKOUT, sub-state:STOCKOUT, resource type:compute)"
    )
    info = {"domain": "compute.googleapis.com", "reason": "stockout", "metadatas": metadatas}
    return OperationFailure("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", text, 503, {"errorInfo": info})
