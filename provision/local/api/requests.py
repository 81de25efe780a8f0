"""What an instance request must look like, with Google's refusals, and the instance it makes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from provision.local import catalogue
from provision.local.answers import ApiError, invalid, link, path_of
from provision.local.machines import timestamp
from provision.local.operations import new_id
from provision.local.store import Body

NAME = r"(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)"
_LABEL = re.compile(r"[a-z][-_a-z0-9]{0,62}")
_LABEL_VALUE = re.compile(r"[-_a-z0-9]{0,63}")
_GPU_COUNTS = {accelerator.name: accelerator.cards for accelerator in catalogue.ACCELERATORS}


def instance_of(body: Mapping[str, Any], zone: str) -> Body:
    """The instance that the request asks for, complete but for its address."""
    name = checked_name(body.get("name", ""))
    shape = _shape(body, zone)
    accelerators = _accelerators(body, shape, zone)
    now = timestamp()
    return {
        "kind": "compute#instance", "id": new_id(), "creationTimestamp": now, "name": name,
        "description": str(body.get("description", "")), "status": "PROVISIONING", "zone": link(f"zones/{zone}"),
        "machineType": link(f"zones/{zone}/machineTypes/{shape.name}"), "cpuPlatform": "Intel Cascade Lake",
        "selfLink": link(f"zones/{zone}/instances/{name}"), "canIpForward": bool(body.get("canIpForward", False)),
        "tags": tags_of((body.get("tags") or {}).get("items") or []),
        "labels": checked_labels(body.get("labels") or {}), "labelFingerprint": fingerprint(body.get("labels") or {}),
        "metadata": metadata_of((body.get("metadata") or {}).get("items") or []),
        "scheduling": _scheduling(body.get("scheduling") or {}, bool(accelerators)),
        "disks": _disks(body, zone, name), "networkInterfaces": _interfaces(body, zone),
        "serviceAccounts": list(body.get("serviceAccounts") or []), "guestAccelerators": accelerators,
        "shieldedInstanceConfig": {
            "enableSecureBoot": False, "enableVtpm": True, "enableIntegrityMonitoring": True,
            **(body.get("shieldedInstanceConfig") or {}),
        },
        "shieldedInstanceIntegrityPolicy": {"updateAutoLearnPolicy": True}, "startRestricted": False,
        "deletionProtection": bool(body.get("deletionProtection", False)), "fingerprint": fingerprint([name, now]),
    }  # fmt: skip


def checked_name(name: object) -> str:
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        raise invalid("resource.name", name, f"Must be a match of regex '{NAME}'")
    return name


def fingerprint(value: object) -> str:
    """A short name for a content; it changes when the content does."""
    return base64.urlsafe_b64encode(hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()[:8]).decode()


def metadata_of(items: Sequence[Mapping[str, Any]]) -> Body:
    keys = [item.get("key") for item in items]
    doubled = next((key for key in keys if keys.count(key) > 1), None)
    if doubled is not None:
        raise invalid("resource.metadata", doubled, f"Metadata has duplicate key: {doubled}")
    for key in keys:
        if not isinstance(key, str) or not re.fullmatch(r"[-_a-zA-Z0-9]{1,128}", key):
            raise invalid("resource.metadata.items.key", key, "Must be a match of regex '[a-zA-Z0-9-_]{1,128}'")
    return {
        "kind": "compute#metadata",
        "fingerprint": fingerprint(list(items)),
        **({"items": list(items)} if items else {}),
    }


def tags_of(items: Sequence[str]) -> Body:
    for item in items:
        if not isinstance(item, str) or not re.fullmatch(NAME, item):
            raise invalid("resource.tags.items", item, f"Must be a match of regex '{NAME}'")
    chosen = sorted(set(items))
    return {"fingerprint": fingerprint(chosen), **({"items": chosen} if chosen else {})}


def checked_labels(labels: Mapping[str, Any]) -> dict[str, str]:
    for key, value in labels.items():
        if not _LABEL.fullmatch(key):
            raise invalid("resource.labels", key, f"Must be a match of regex '{_LABEL.pattern}'")
        if not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
            raise invalid("resource.labels", value, f"Must be a match of regex '{_LABEL_VALUE.pattern}'")
    return dict(labels)


def _shape(body: Mapping[str, Any], zone: str) -> catalogue.Shape:
    url = str(body.get("machineType", ""))
    if not url:
        raise ApiError(400, "Invalid value for field 'resource.machineType': ''. The URL is malformed.")
    name = url.rsplit("/", 1)[-1]
    place = re.search(r"zones/([^/]+)/", url)
    if place and place.group(1) != zone:
        raise invalid("resource.machineType", url, f"The machine type must be in the zone '{zone}'.")
    found = next((shape for shape in catalogue.shapes_in(zone) if shape.name == name), None)
    if found is None:
        text = f"Machine type with name '{name}' does not exist in zone '{zone}'."
        raise invalid("resource.machineType", link(f"zones/{zone}/machineTypes/{name}"), text)
    return found


def _accelerators(body: Mapping[str, Any], shape: catalogue.Shape, zone: str) -> list[Body]:
    """The GPUs: those of the machine type, else those attached; naming the machine type's own again is allowed."""
    asked = [
        (str(item.get("acceleratorType", "")).rsplit("/", 1)[-1], int(item.get("acceleratorCount", 0)))
        for item in body.get("guestAccelerators") or ()
    ]
    if shape.gpu and asked and asked != [(shape.gpu, shape.gpus)]:
        text = f"Machine type '{shape.name}' has {shape.gpus} {shape.gpu} and takes no other accelerators."
        raise invalid("resource.guestAccelerators", asked, text)
    for name, count in () if shape.gpu else asked:
        _check_attached(name, count, shape, zone)
    return [
        {"acceleratorType": link(f"zones/{zone}/acceleratorTypes/{name}"), "acceleratorCount": count}
        for name, count in ([(shape.gpu, shape.gpus)] if shape.gpu else asked)
    ]


def _check_attached(name: str, count: int, shape: catalogue.Shape, zone: str) -> None:
    here = {accelerator.name: accelerator for accelerator in catalogue.accelerators_in(zone)}
    field = "resource.guestAccelerators[0].acceleratorType"
    if name not in here:
        url = link(f"zones/{zone}/acceleratorTypes/{name}")
        raise invalid(field, url, f"Accelerator type with name '{name}' does not exist in zone '{zone}'.")
    if not here[name].attachable or not shape.name.startswith("n1-"):
        raise ApiError(400, f"[{shape.name}, {name}] features are not compatible for creating instance.", "badRequest")
    if count not in _GPU_COUNTS[name]:
        text = f"The number of GPUs must be one of {list(_GPU_COUNTS[name])}."
        raise invalid("resource.guestAccelerators[0].acceleratorCount", count, text)


def _scheduling(asked: Mapping[str, Any], with_gpu: bool) -> Body:
    model = asked.get("provisioningModel") or ("SPOT" if asked.get("preemptible") else "STANDARD")
    spot = model == "SPOT"
    maintenance = asked.get("onHostMaintenance") or ("TERMINATE" if spot else "MIGRATE")
    if with_gpu and maintenance != "TERMINATE":
        raise ApiError(400, "Instances with guest accelerators do not support live migration.", "badRequest")
    restart = asked.get("automaticRestart", not spot)
    if spot and (restart or maintenance != "TERMINATE"):
        text = "Scheduling must have preemptible be false when AutomaticRestart is true."
        raise ApiError(400, f"Invalid value for field 'scheduling.preemptible': 'true'. {text}")
    if "maxRunDuration" in asked and model == "STANDARD" and "instanceTerminationAction" not in asked:
        text = "You must specify an instance termination action when using max_run_duration."
        raise invalid("resource.scheduling.instanceTerminationAction", "", text)
    return {
        **asked, "onHostMaintenance": maintenance, "automaticRestart": restart, "preemptible": spot,
        "provisioningModel": model, **({"instanceTerminationAction": "STOP"} if spot and not asked.get(
            "instanceTerminationAction") else {}),
    }  # fmt: skip


def _disks(body: Mapping[str, Any], zone: str, name: str) -> list[Body]:
    asked = body.get("disks") or []
    if not asked:
        raise ApiError(400, "Invalid value for field 'resource.disks': ''. No disks are specified.")
    if not any(disk.get("boot") for disk in asked):
        raise ApiError(400, "Invalid value for field 'resource.disks': ''. Boot disk must be specified.")
    return [_disk(disk, index, zone, name) for index, disk in enumerate(asked)]


def _disk(disk: Mapping[str, Any], index: int, zone: str, name: str) -> Body:
    parameters = disk.get("initializeParams") or {}
    disk_name = parameters.get("diskName") or (name if index == 0 else f"{name}-{index}")
    image = _image(str(parameters.get("sourceImage", ""))) if disk.get("boot") else None
    size = int(parameters.get("diskSizeGb") or disk.get("diskSizeGb") or (image.disk_gb if image else 500))
    if image and size < image.disk_gb:
        text = f"Requested disk size cannot be smaller than the image size ({image.disk_gb} GB)"
        raise invalid(f"resource.disks[{index}].initializeParams.diskSizeGb", size, text)
    return {
        "kind": "compute#attachedDisk", "type": disk.get("type", "PERSISTENT"), "mode": disk.get("mode", "READ_WRITE"),
        "source": link(f"zones/{zone}/disks/{disk_name}"), "index": index, "boot": bool(disk.get("boot", False)),
        "deviceName": disk.get("deviceName", f"persistent-disk-{index}"),
        "autoDelete": bool(disk.get("autoDelete", False)), "interface": "SCSI",
        "diskSizeGb": str(size), "architecture": "X86_64",
    }  # fmt: skip


def _image(url: str) -> catalogue.Image:
    """The image of a URL to an image, a family, or a zone's view of a family."""
    found = re.search(
        r"projects/([^/]+)/(?:global/images/(family/)?|zones/[^/]+/(imageFamilyViews/))([^/]+)$", path_of(url)
    )
    field = "resource.disks[0].initializeParams.sourceImage"
    if found is None:
        raise invalid(field, url, "The URL is malformed.")
    owner, family, view, name = found.groups()
    image = catalogue.image_of_family(owner, name) if family or view else catalogue.image_of(owner, name)
    if image is None:
        raise invalid(field, url, "The referenced image resource cannot be found.")
    return image


def _interfaces(body: Mapping[str, Any], zone: str) -> list[Body]:
    asked = body.get("networkInterfaces") or [{}]
    if len(asked) > 1:
        raise ApiError(
            400, "Invalid value for field 'resource.networkInterfaces': ''. The local cloud has one network."
        )
    url = str(asked[0].get("network") or link(f"global/networks/{catalogue.NETWORK}"))
    if url.rsplit("/", 1)[-1] != catalogue.NETWORK:
        raise invalid("resource.networkInterfaces[0].network", url, "The referenced network resource cannot be found.")
    configs = asked[0].get("accessConfigs")
    external = [
        {"kind": "compute#accessConfig", "type": "ONE_TO_ONE_NAT", "name": "External NAT", "networkTier": "PREMIUM"}
    ]
    return [
        {
            "kind": "compute#networkInterface", "name": "nic0", "network": link(f"global/networks/{catalogue.NETWORK}"),
            "subnetwork": link(f"regions/{catalogue.region_of(zone)}/subnetworks/{catalogue.NETWORK}"),
            "fingerprint": fingerprint(zone), "stackType": "IPV4_ONLY",
            **({"accessConfigs": external} if configs else {}),
        }
    ]  # fmt: skip
