"""What one machine should be (`VmRequest`), the body that asks for it, and what the cloud says it is (`Machine`)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from provision.errors import UsageProblem
from provision.gce.catalogue import Shape
from provision.gce.client import last_part
from provision.gce.images import Image

Json = Mapping[str, Any]

OWNER_LABEL = "managed-by"
OWNER = "provision"
KEY_LABEL = "provision-key"
LONGEST_NAME = 40  # the firewall rules' names are longer by `provision-` and `-service`, and 63 is the limit


@dataclass(frozen=True)
class VmRequest:
    """One machine, complete and resolved. `max_run_s` None: no upper bound on its life and cost."""

    name: str
    zone: str
    shape: Shape
    image: Image
    disk_gb: int
    disk_type: str
    public_key: str
    user: str = "provision"
    network: str = "default"
    spot: bool = False
    max_run_s: int | None = None
    max_run_action: str = "delete"
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """The network tag that ties its firewall rules to it."""
        return f"provision-{self.name}"


def check_name(name: str) -> None:
    """Refuse a name that Google would refuse later."""
    if not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name) or len(name) > LONGEST_NAME:
        raise UsageProblem(
            f"`{name}` cannot be a machine's name",
            f"lower case letters, digits and dashes, a letter first, at most {LONGEST_NAME}",
            "`tts-1`",
        )


def key_mark(public_key: str) -> str:
    """A short name of our key: whose machine it is, in a project that others use as well."""
    return hashlib.sha256(" ".join(public_key.split()[:2]).encode()).hexdigest()[:16]


def insert_body(request: VmRequest) -> dict[str, Any]:
    """The instance as `instances.insert` takes it. No service account; GPUs are named only where they are attached."""
    body: dict[str, Any] = {
        "name": request.name,
        "machineType": f"zones/{request.zone}/machineTypes/{request.shape.machine_type}",
        "labels": {**request.labels, OWNER_LABEL: OWNER, KEY_LABEL: key_mark(request.public_key)},
        "tags": {"items": [request.tag]},
        "disks": [_boot_disk(request)],
        "networkInterfaces": [_interface(request)],
        "scheduling": scheduling(request),
        "metadata": {"items": [{"key": key, "value": value} for key, value in metadata(request).items()]},
    }
    if request.shape.attached:
        kind = f"zones/{request.zone}/acceleratorTypes/{request.shape.accelerator}"
        body["guestAccelerators"] = [{"acceleratorType": kind, "acceleratorCount": request.shape.count}]
    return body


def metadata(request: VmRequest) -> dict[str, str]:
    """Our key and nobody else's; OS Login off, for it would ignore the key; host keys published. Never a secret."""
    return {
        "ssh-keys": f"{request.user}:{request.public_key.strip()}",
        "block-project-ssh-keys": "TRUE",
        "enable-oslogin": "FALSE",
        "enable-guest-attributes": "TRUE",
        "provision-image": request.image.asked,
    }


def scheduling(request: VmRequest) -> dict[str, Any]:
    """Machines with GPUs cannot move; spot machines do not come back; an end of life is kept by the cloud itself."""
    rules: dict[str, Any] = {"automaticRestart": not request.spot}
    if request.shape.accelerator or request.spot:
        rules["onHostMaintenance"] = "TERMINATE"
    rules["provisioningModel"] = "SPOT" if request.spot else "STANDARD"
    if request.max_run_s is not None:
        rules["maxRunDuration"] = {"seconds": str(request.max_run_s)}
    if request.spot or request.max_run_s is not None:
        rules["instanceTerminationAction"] = request.max_run_action.upper()
    return rules


def _boot_disk(request: VmRequest) -> dict[str, Any]:
    return {
        "boot": True,
        "autoDelete": True,
        "initializeParams": {
            "sourceImage": request.image.path,
            "diskSizeGb": str(request.disk_gb),
            "diskType": f"zones/{request.zone}/diskTypes/{request.disk_type}",
            "labels": {OWNER_LABEL: OWNER},
        },
    }


def _interface(request: VmRequest) -> dict[str, Any]:
    return {
        "network": network_path(request.network),
        "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "name": "External NAT"}],
    }


def network_path(network: str) -> str:
    """`default`, or a whole path for a network of another project."""
    return network if "/" in network else f"global/networks/{network}"


@dataclass(frozen=True)
class Machine:
    """A machine as the cloud has it."""

    name: str
    id: str
    zone: str
    status: str
    machine_type: str
    gpu: str = ""
    address: str = ""
    internal_address: str = ""
    user: str = ""
    image: str = ""
    disk_gb: int = 0
    network: str = ""
    spot: bool = False
    max_run_s: int | None = None
    max_run_action: str = ""
    created: str = ""
    started: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    def made_by(self, public_key: str) -> bool:
        """Whether this installation has created it."""
        return self.labels.get(OWNER_LABEL) == OWNER and self.labels.get(KEY_LABEL) == key_mark(public_key)

    @property
    def reachable_at(self) -> str:
        """The address to connect to."""
        return self.address or self.internal_address


def read_machine(row: Json) -> Machine:
    """The machine in an answer of `instances.get` or a list."""
    items = {item["key"]: item.get("value", "") for item in (row.get("metadata") or {}).get("items") or ()}
    rules = row.get("scheduling") or {}
    seconds = (rules.get("maxRunDuration") or {}).get("seconds")
    interface = (row.get("networkInterfaces") or [{}])[0]
    access = (interface.get("accessConfigs") or [{}])[0]
    disk = (row.get("disks") or [{}])[0]
    return Machine(
        name=str(row["name"]),
        id=str(row.get("id", "")),
        zone=last_part(str(row.get("zone", ""))),
        status=str(row.get("status", "")),
        machine_type=last_part(str(row.get("machineType", ""))),
        gpu=_gpu(row),
        address=str(access.get("natIP", "")),
        internal_address=str(interface.get("networkIP", "")),
        user=str(items.get("ssh-keys", "")).partition(":")[0],
        image=str(items.get("provision-image", "")),
        disk_gb=int(disk.get("diskSizeGb") or 0),
        network=last_part(str(interface.get("network", ""))),
        spot=rules.get("provisioningModel") == "SPOT",
        max_run_s=int(seconds) if seconds is not None else None,
        max_run_action=str(rules.get("instanceTerminationAction", "")).lower(),
        created=str(row.get("creationTimestamp", "")),
        started=str(row.get("lastStartTimestamp", "")),
        labels=dict(row.get("labels") or {}),
        tags=tuple((row.get("tags") or {}).get("items") or ()),
    )


def _gpu(row: Json) -> str:
    part = (row.get("guestAccelerators") or [{}])[0]
    name, count = last_part(str(part.get("acceleratorType", ""))), int(part.get("acceleratorCount", 0))
    return f"{name}:{count}" if count > 1 else name


def differences(request: VmRequest, machine: Machine) -> tuple[tuple[str, str, str], ...]:
    """What the machine has and what is asked for now, where they differ: (setting, has, asked)."""
    pairs = (
        ("zone", machine.zone, request.zone),
        ("machine_type", machine.machine_type, request.shape.machine_type),
        ("gpu", machine.gpu or (request.shape.gpu if not request.shape.attached else ""), request.shape.gpu),
        ("image", machine.image, request.image.asked),
        ("disk_gb", str(machine.disk_gb), str(request.disk_gb)),
        ("network", machine.network, last_part(request.network)),
        ("spot", _word(machine.spot), _word(request.spot)),
        ("max_run", _duration(machine.max_run_s), _duration(request.max_run_s)),
        ("max_run_action", *_actions(request, machine)),
        ("ssh_user", machine.user, request.user),
    )
    return tuple(pair for pair in pairs if pair[1] != pair[2])


def _actions(request: VmRequest, machine: Machine) -> tuple[str, str]:
    """What happens at the end of life, when there is one on both sides."""
    bounded = request.max_run_s is not None and machine.max_run_s is not None
    return (machine.max_run_action, request.max_run_action) if bounded else ("", "")


def _word(value: bool) -> str:
    return "yes" if value else "no"


def _duration(seconds: int | None) -> str:
    return "none" if seconds is None else spell_duration(seconds)


def read_duration(text: str) -> int | None:
    """Seconds of `24h`, `90m`, `3600s`, `2d`; None for `none`."""
    if text == "none":
        return None
    found = re.fullmatch(r"(\d+)\s*([smhd])", text)
    seconds = int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]] if found else 0
    if not 30 <= seconds <= 120 * 86400:
        raise UsageProblem(f"`{text}` is no duration from 30s to 120d", hint="`--max-run 24h`, or `none` for no end")
    return seconds


def spell_duration(seconds: int) -> str:
    """The shortest way to write a number of seconds: 86400 is `24h`."""
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
