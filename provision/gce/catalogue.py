"""Which machines there are: shapes by asking the cloud, and what it does not tell about GPUs from a small table."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from provision.errors import UsageProblem
from provision.gce.client import Cloud

Json = Mapping[str, Any]

COMFORTABLE_MEMORY_MB = 30_000
"""Compiling moshi-server wants more than 16 GB; smaller shapes are not chosen for you."""

WITHOUT_GPU = "e2-standard-4"
N1_WITH_GPU = "n1-standard-8"


@dataclass(frozen=True)
class Gpu:
    """What the API does not say about an accelerator type. `cuda`: the oldest CUDA that knows it."""

    accelerator: str
    name: str
    vram_gb: int
    compute_capability: str
    cuda: str = "12.1"
    attached: bool = False
    disk_type: str = "pd-balanced"


GPUS: Mapping[str, Gpu] = {
    gpu.accelerator: gpu
    for gpu in (
        Gpu("nvidia-l4", "l4", 24, "8.9"),
        Gpu("nvidia-tesla-a100", "a100", 40, "8.0"),
        Gpu("nvidia-a100-80gb", "a100-80gb", 80, "8.0"),
        Gpu("nvidia-h100-80gb", "h100", 80, "9.0"),
        Gpu("nvidia-h100-mega-80gb", "h100-mega", 80, "9.0"),
        Gpu("nvidia-h200-141gb", "h200", 141, "9.0", disk_type="hyperdisk-balanced"),
        Gpu("nvidia-b200", "b200", 180, "10.0", "12.8", disk_type="hyperdisk-balanced"),
        Gpu("nvidia-rtx-pro-6000", "rtx-pro-6000", 96, "12.0", "12.8", disk_type="hyperdisk-balanced"),
        Gpu("nvidia-tesla-t4", "t4", 16, "7.5", attached=True),
        Gpu("nvidia-tesla-v100", "v100", 16, "7.0", attached=True),
        Gpu("nvidia-tesla-p100", "p100", 16, "6.0", attached=True),
        Gpu("nvidia-tesla-p4", "p4", 8, "6.1", attached=True),
    )
}


@dataclass(frozen=True)
class Shape:
    """A machine type with the GPUs it ends up with. `attached`: they are added to it, not part of it."""

    machine_type: str
    accelerator: str = ""
    count: int = 0
    attached: bool = False
    cpus: int = 0
    memory_mb: int = 0

    @property
    def gpu(self) -> str:
        """`nvidia-l4` or `nvidia-l4:2`, as `--gpu` takes it; empty without."""
        return f"{self.accelerator}:{self.count}" if self.count > 1 else self.accelerator

    @property
    def disk_type(self) -> str:
        """The boot disk that this shape takes."""
        return GPUS[self.accelerator].disk_type if self.accelerator in GPUS else "pd-balanced"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What will hurt later."""
        if not self.accelerator:
            return ()
        known = GPUS.get(self.accelerator)
        if known is None:
            return (f"the GPU {self.accelerator} is not known here: its memory and CUDA version are not checked",)
        small = known.vram_gb < 24 and f"{known.name} has {known.vram_gb} GB; the speech models are made for 24 GB"
        newer = known.cuda != "12.1" and f"{known.name} needs CUDA {known.cuda}; CUDA 12.1 does not know it"
        return tuple(warning for warning in (small, newer) if warning)


def check_zone(cloud: Cloud, zone: str) -> None:
    """Refuse a zone that is not there, with the nearest one."""
    names = [str(row["name"]) for row in cloud.rows("list zones", "Zones", "list")]
    if zone not in names:
        raise _unknown("zone", zone, names)


def choose(cloud: Cloud, zone: str, machine_type: str = "", gpu: str = "") -> Shape:
    """The shape for what was asked: `gpu` is `l4`, `nvidia-l4`, `l4:2` or empty; `machine_type` a name or empty."""
    types = {str(row["name"]): row for row in _machine_types(cloud, zone)}
    if machine_type and machine_type not in types:
        raise _unknown("machine type", machine_type, types, f" in {zone}")
    if not gpu:
        return _shape(types, machine_type or WITHOUT_GPU, zone)
    accelerator, count = _accelerator(cloud, zone, gpu)
    if machine_type:
        return _fitting(_shape(types, machine_type, zone), accelerator, count)
    bundles = [_shape(types, name, zone) for name, row in types.items() if _bundles(row, accelerator, count)]
    if bundles:
        return min(bundles, key=_comfort)
    return _with_attached(_shape(types, N1_WITH_GPU, zone), accelerator, count)


def _machine_types(cloud: Cloud, zone: str) -> list[dict[str, Any]]:
    rows = cloud.rows(f"list machine types of {zone}", "MachineTypes", "list", zone=zone)
    return [row for row in rows if (row.get("deprecated") or {}).get("state") not in ("OBSOLETE", "DELETED")]


def _shape(types: Mapping[str, Json], name: str, zone: str) -> Shape:
    if name not in types:
        raise _unknown("machine type", name, types, f" in {zone}")
    row = types[name]
    bundled = (row.get("accelerators") or [{}])[0]
    return Shape(
        name,
        str(bundled.get("guestAcceleratorType", "")),
        int(bundled.get("guestAcceleratorCount", 0)),
        cpus=int(row.get("guestCpus", 0)),
        memory_mb=int(row.get("memoryMb", 0)),
    )


def _accelerator(cloud: Cloud, zone: str, asked: str) -> tuple[str, int]:
    """The accelerator type and number that `l4:2` means in this zone."""
    name, _, number = asked.lower().partition(":")
    if number and not (number.isdecimal() and int(number)):
        raise UsageProblem(f"`--gpu {asked}` is not NAME or NAME:COUNT", hint="`--gpu l4` or `--gpu l4:2`")
    rows = cloud.rows(f"list accelerators of {zone}", "AcceleratorTypes", "list", zone=zone)
    # Workstation types (`-vws`) cost a licence and drive displays.
    here = [str(row["name"]) for row in rows if not str(row["name"]).endswith("-vws")]
    for accelerator in here:
        if name in (accelerator, _short(accelerator)):
            return accelerator, int(number or 1)
    everywhere = [gpu.name for gpu in GPUS.values()]
    if name in GPUS or name in everywhere:
        names = ", ".join(sorted(map(_short, here))) or "no GPU at all"
        raise UsageProblem(f"{zone} has no GPU {name}", f"it has {names}", "choose another `--zone`")
    raise _unknown("GPU", name, [*map(_short, here), *everywhere], f" in {zone}")


def _short(accelerator: str) -> str:
    """The word operators use: the table's, else the type without its maker."""
    return GPUS[accelerator].name if accelerator in GPUS else re.sub(r"^nvidia-(tesla-)?", "", accelerator)


def _bundles(row: Json, accelerator: str, count: int) -> bool:
    return any(
        part.get("guestAcceleratorType") == accelerator and int(part.get("guestAcceleratorCount", 0)) == count
        for part in row.get("accelerators") or ()
    )


def _comfort(shape: Shape) -> tuple[bool, int, int]:
    return shape.memory_mb < COMFORTABLE_MEMORY_MB, shape.cpus, shape.memory_mb


def _fitting(shape: Shape, accelerator: str, count: int) -> Shape:
    """The named machine type, when it has or can take the GPUs."""
    if (shape.accelerator, shape.count) == (accelerator, count):
        return shape
    if shape.accelerator:
        raise UsageProblem(
            f"{shape.machine_type} comes with {shape.gpu}, not {count} x {accelerator}",
            hint="leave out `--machine-type` or `--gpu`",
        )
    return _with_attached(shape, accelerator, count)


def _with_attached(shape: Shape, accelerator: str, count: int) -> Shape:
    if not shape.machine_type.startswith("n1-"):
        raise UsageProblem(
            f"{shape.machine_type} takes no attached GPU", "only N1 machine types do", "leave out `--machine-type`"
        )
    if accelerator in GPUS and not GPUS[accelerator].attached:
        raise UsageProblem(
            f"no machine type with {count} x {accelerator} here", "it comes with its own machine types", "try `:1`"
        )
    return Shape(shape.machine_type, accelerator, count, True, shape.cpus, shape.memory_mb)


def _unknown(what: str, name: str, known: Iterable[str], where: str = "") -> UsageProblem:
    """The error for a name nobody knows, with the nearest ones."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    some = ", ".join(names[:12]) + (", ..." if names[12:] else "")
    hint = f"did you mean `{close[0]}`?" if close else f"known: {some or 'none'}"
    return UsageProblem(f"unknown {what} `{name}`{where}", f"similar: {', '.join(close)}" if close[1:] else "", hint)
