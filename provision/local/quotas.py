"""Quotas: what machines use up of them, and the refusal when one would go beyond."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from provision.local import catalogue
from provision.local.answers import OperationFailure
from provision.local.store import Body

REGION: Mapping[str, int] = {
    "CPUS": 2400, "PREEMPTIBLE_CPUS": 2400, "DISKS_TOTAL_GB": 102400, "SSD_TOTAL_GB": 102400, "IN_USE_ADDRESSES": 64,
    "INSTANCES": 720, "NVIDIA_L4_GPUS": 16, "PREEMPTIBLE_NVIDIA_L4_GPUS": 16, "NVIDIA_A100_GPUS": 16,
    "PREEMPTIBLE_NVIDIA_A100_GPUS": 16, "NVIDIA_A100_80GB_GPUS": 16, "PREEMPTIBLE_NVIDIA_A100_80GB_GPUS": 16,
    "NVIDIA_T4_GPUS": 16, "PREEMPTIBLE_NVIDIA_T4_GPUS": 16, "NVIDIA_V100_GPUS": 16, "PREEMPTIBLE_NVIDIA_V100_GPUS": 16,
    "NVIDIA_P100_GPUS": 16, "PREEMPTIBLE_NVIDIA_P100_GPUS": 16, "NVIDIA_P4_GPUS": 16, "PREEMPTIBLE_NVIDIA_P4_GPUS": 16,
}  # fmt: skip
GLOBAL: Mapping[str, int] = {"GPUS_ALL_REGIONS": 64, "CPUS_ALL_REGIONS": 2400}

# Newer GPUs have no quota of a region, as with Google.
_METRICS = {
    "nvidia-l4": "NVIDIA_L4_GPUS",
    "nvidia-tesla-a100": "NVIDIA_A100_GPUS",
    "nvidia-a100-80gb": "NVIDIA_A100_80GB_GPUS",
    "nvidia-tesla-t4": "NVIDIA_T4_GPUS",
    "nvidia-tesla-v100": "NVIDIA_V100_GPUS",
    "nvidia-tesla-p100": "NVIDIA_P100_GPUS",
    "nvidia-tesla-p4": "NVIDIA_P4_GPUS",
}


def use(instances: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """What these instances use of every metric."""
    used: Counter[str] = Counter()
    for body in instances:
        used.update(_use_of(body))
    return used


def _use_of(body: Mapping[str, Any]) -> Counter[str]:
    spot = "PREEMPTIBLE_" if body["scheduling"].get("preemptible") else ""
    cpus = catalogue.SHAPES[str(body["machineType"]).rsplit("/", 1)[-1]].cpus
    used = Counter({"INSTANCES": 1, "CPUS_ALL_REGIONS": cpus, f"{spot}CPUS": cpus})
    used["IN_USE_ADDRESSES"] = sum(1 for interface in body["networkInterfaces"] if interface.get("accessConfigs"))
    used["DISKS_TOTAL_GB"] = sum(int(disk["diskSizeGb"]) for disk in body["disks"])
    for item in body.get("guestAccelerators") or ():
        count = int(item["acceleratorCount"])
        used["GPUS_ALL_REGIONS"] += count
        metric = _METRICS.get(str(item["acceleratorType"]).rsplit("/", 1)[-1])
        if metric:
            used[spot + metric] += count
    return used


def check(new: Body, zone: str, instances: Sequence[tuple[str, Body]], limits: Mapping[str, int]) -> None:
    """Refuse when the instances (the new one among them) go beyond a quota; `limits` replaces those of that name."""
    region = catalogue.region_of(zone)
    everywhere = use(body for _, body in instances)
    here = use(body for place, body in instances if catalogue.region_of(place) == region)
    for metric in _use_of(new):
        if metric in GLOBAL and everywhere[metric] > limits.get(metric, GLOBAL[metric]):
            raise exceeded(metric, limits.get(metric, GLOBAL[metric]), "")
        if metric in REGION and here[metric] > limits.get(metric, REGION[metric]):
            raise exceeded(metric, limits.get(metric, REGION[metric]), region)


def exceeded(metric: str, limit: float, region: str) -> OperationFailure:
    """The refusal in Google's shape."""
    place = f"in region {region}" if region else "globally"
    info = {
        "metricName": f"compute.googleapis.com/{metric.lower()}",
        "limitName": metric.replace("_", "-") + ("-per-project-region" if region else "-per-project"),
        "dimensions": {"region": region or "global"},
        "limit": float(limit),
    }
    text = f"Quota '{metric}' exceeded.  Limit: {float(limit)} {place}."
    return OperationFailure("QUOTA_EXCEEDED", text, 403, {"quotaInfo": info})
