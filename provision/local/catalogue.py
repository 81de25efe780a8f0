"""What the local cloud offers: zones, machine types with their GPUs, accelerator types, images, quotas."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provision.local.answers import API, PROJECT, link

CREATED = "2026-01-01T00:00:00.000-00:00"
NETWORK = "default"

# Where each kind of GPU is sold here. Which zone really has which changes often; failover needs several in one region.
_ZONES: Mapping[str, tuple[str, ...]] = {
    "us-central1": ("a", "b", "c", "f"),
    "us-east1": ("b", "c", "d"),
    "us-east4": ("a", "b", "c"),
    "us-west1": ("a", "b", "c"),
    "us-west4": ("a", "b", "c"),
    "europe-west1": ("b", "c", "d"),
    "europe-west4": ("a", "b", "c"),
    "asia-east1": ("a", "b", "c"),
    "asia-northeast1": ("a", "b", "c"),
    "asia-southeast1": ("a", "b", "c"),
}


@dataclass(frozen=True)
class Accelerator:
    """A kind of GPU. `sold_in`: prefixes of zone names."""

    name: str
    description: str
    sold_in: tuple[str, ...]
    cards: tuple[int, ...]
    pci_device: str
    attachable: bool = False
    """Whether it is added to an N1 machine instead of being part of the machine type."""


_US = ("us-central1", "us-east4", "us-west1", "us-west4")
_EU = ("europe-west1", "europe-west4")
_ASIA = ("asia-southeast1", "asia-northeast1")

ACCELERATORS: tuple[Accelerator, ...] = (
    Accelerator("nvidia-l4", "NVIDIA L4", (*_US, "us-east1", *_EU, *_ASIA), (1, 2, 4, 8), "27b8"),
    Accelerator("nvidia-tesla-a100", "NVIDIA A100 40GB", (*_US, "europe-west4", *_ASIA), (1, 2, 4, 8, 16), "20b0"),
    Accelerator(
        "nvidia-a100-80gb", "NVIDIA A100 80GB", ("us-central1", "us-east4", "europe-west4"), (1, 2, 4, 8), "20b2"
    ),
    Accelerator(
        "nvidia-h100-80gb", "NVIDIA H100 80GB", ("us-central1", "us-east4", "europe-west4"), (1, 2, 4, 8), "2330"
    ),
    Accelerator("nvidia-h100-mega-80gb", "NVIDIA H100 80GB Plus", ("us-central1", "europe-west4"), (8,), "2330"),
    Accelerator("nvidia-h200-141gb", "NVIDIA H200 141GB", ("us-central1", "europe-west1"), (8,), "2335"),
    Accelerator("nvidia-b200", "NVIDIA B200 180GB", ("us-central1", "us-east4"), (8,), "2901"),
    Accelerator("nvidia-rtx-pro-6000", "NVIDIA RTX PRO 6000", ("us-central1", "europe-west4"), (1, 2, 4, 8), "2bb5"),
    Accelerator("nvidia-tesla-t4", "NVIDIA T4", (*_US, "us-east1", *_EU, *_ASIA), (1, 2, 4), "1eb8", True),
    Accelerator(
        "nvidia-tesla-v100", "NVIDIA V100", ("us-central1", "us-west1", "europe-west4"), (1, 2, 4, 8), "1db1", True
    ),
    Accelerator("nvidia-tesla-p100", "NVIDIA P100", ("us-central1", "europe-west1"), (1, 2, 4), "15f8", True),
    Accelerator("nvidia-tesla-p4", "NVIDIA P4", ("us-central1", "us-east4"), (1, 2, 4), "1bb3", True),
)


@dataclass(frozen=True)
class Shape:
    """A machine type."""

    name: str
    cpus: int
    memory_gb: float
    gpu: str = ""
    gpus: int = 0
    local_ssds: int = 0
    shared_cpu: bool = False

    @property
    def description(self) -> str:
        gpus = f", {self.gpus} {self.gpu} GPU" + ("s" if self.gpus > 1 else "") if self.gpu else ""
        return f"{self.cpus} vCPUs, {self.memory_gb:g} GB RAM{gpus}"


def _shapes() -> Iterator[Shape]:
    yield from (Shape("e2-micro", 2, 1, shared_cpu=True), Shape("e2-small", 2, 2, shared_cpu=True))
    yield Shape("e2-medium", 2, 4, shared_cpu=True)
    for cpus in (2, 4, 8, 16, 32):
        yield from (Shape(f"e2-standard-{cpus}", cpus, cpus * 4), Shape(f"n2-standard-{cpus}", cpus, cpus * 4))
    for cpus in (1, 2, 4, 8, 16, 32, 64, 96):
        yield Shape(f"n1-standard-{cpus}", cpus, cpus * 3.75)
    for cpus in (2, 4, 8, 16, 32, 64, 96):
        yield Shape(f"n1-highmem-{cpus}", cpus, cpus * 6.5)
    for cpus, gpus in ((4, 1), (8, 1), (12, 1), (16, 1), (32, 1), (24, 2), (48, 4), (96, 8)):
        yield Shape(f"g2-standard-{cpus}", cpus, cpus * 4, "nvidia-l4", gpus)
    for cpus, memory, gpus in ((12, 85, 1), (24, 170, 2), (48, 340, 4), (96, 680, 8)):
        yield Shape(f"a2-highgpu-{gpus}g", cpus, memory, "nvidia-tesla-a100", gpus)
    yield Shape("a2-megagpu-16g", 96, 1360, "nvidia-tesla-a100", 16)
    for cpus, memory, gpus in ((12, 170, 1), (24, 340, 2), (48, 680, 4), (96, 1360, 8)):
        yield Shape(f"a2-ultragpu-{gpus}g", cpus, memory, "nvidia-a100-80gb", gpus, local_ssds=gpus)
    for cpus, memory, gpus in ((26, 234, 1), (52, 468, 2), (104, 936, 4), (208, 1872, 8)):
        yield Shape(f"a3-highgpu-{gpus}g", cpus, memory, "nvidia-h100-80gb", gpus, local_ssds=gpus * 2)
    yield Shape("a3-megagpu-8g", 208, 1872, "nvidia-h100-mega-80gb", 8, local_ssds=16)
    yield Shape("a3-ultragpu-8g", 224, 2952, "nvidia-h200-141gb", 8, local_ssds=32)
    yield Shape("a4-highgpu-8g", 224, 3968, "nvidia-b200", 8, local_ssds=32)
    for cpus, memory, gpus in ((48, 180, 1), (96, 360, 2), (192, 720, 4), (384, 1440, 8)):
        yield Shape(f"g4-standard-{cpus}", cpus, memory, "nvidia-rtx-pro-6000", gpus)


SHAPES: Mapping[str, Shape] = {shape.name: shape for shape in _shapes()}


@dataclass(frozen=True)
class Image:
    """A public image. All are backed by the one local image; the name says what the operator asked for."""

    project: str
    name: str
    family: str
    disk_gb: int = 10


IMAGES: tuple[Image, ...] = (
    Image("debian-cloud", "debian-12-bookworm-v20261110", "debian-12"),
    Image("debian-cloud", "debian-13-trixie-v20261110", "debian-13"),
    Image("ubuntu-os-cloud", "ubuntu-2204-jammy-v20261112", "ubuntu-2204-lts"),
    Image("ubuntu-os-cloud", "ubuntu-2404-noble-amd64-v20261112", "ubuntu-2404-lts-amd64"),
    *(
        Image(
            "ubuntu-os-accelerator-images",
            f"ubuntu-accelerator-{release}-amd64-with-nvidia-{branch}-v20261105",
            f"ubuntu-accelerator-{release}-amd64-with-nvidia-{branch}",
            20,
        )
        for release in ("2204", "2404")
        for branch in ("570", "580")
    ),
)


def zones() -> tuple[str, ...]:
    return tuple(f"{region}-{letter}" for region, letters in _ZONES.items() for letter in letters)


def region_of(zone: str) -> str:
    return zone.rsplit("-", 1)[0]


def sold(accelerator: Accelerator, zone: str) -> bool:
    return region_of(zone) in accelerator.sold_in


def accelerators_in(zone: str) -> tuple[Accelerator, ...]:
    return tuple(accelerator for accelerator in ACCELERATORS if sold(accelerator, zone))


def shapes_in(zone: str) -> tuple[Shape, ...]:
    """The machine types of a zone: those without GPU everywhere, the others where their GPU is sold."""
    here = {accelerator.name for accelerator in accelerators_in(zone)}
    return tuple(shape for shape in SHAPES.values() if not shape.gpu or shape.gpu in here)


def image_of(project: str, name: str) -> Image | None:
    return next((image for image in IMAGES if image.project == project and image.name == name), None)


def image_of_family(project: str, family: str) -> Image | None:
    return next((image for image in IMAGES if image.project == project and image.family == family), None)


def pci_devices(accelerators: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The PCI ids that a machine with these accelerators would show: NVIDIA 3D controllers."""
    devices = {accelerator.name: accelerator.pci_device for accelerator in ACCELERATORS}
    return [
        {"vendor": "10de", "device": devices[name], "class": "030200", "slot": f"0000:00:{3 + number:02x}.0"}
        for number, name in enumerate(
            str(item["acceleratorType"]).rsplit("/", 1)[-1]
            for item in accelerators
            for _ in range(int(item["acceleratorCount"]))
        )
    ]


# The same things as documents of the API


def stable_id(path: str) -> str:
    """An id for what is built in: the same in every cloud."""
    return str(zlib.crc32(path.encode()) + 1_000_000_000_000)


def zone_document(zone: str) -> dict[str, Any]:
    return {
        "kind": "compute#zone", "id": stable_id(zone), "creationTimestamp": CREATED, "name": zone, "description": zone,
        "status": "UP", "region": link(f"regions/{region_of(zone)}"), "selfLink": link(f"zones/{zone}"),
        "availableCpuPlatforms": ["Intel Broadwell", "Intel Cascade Lake", "Intel Ice Lake"], "supportsPzs": False,
    }  # fmt: skip


def regions() -> tuple[str, ...]:
    return tuple(_ZONES)


def quota_documents(limits: Mapping[str, int], used: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {"metric": metric, "limit": float(limit), "usage": float(used.get(metric, 0))}
        for metric, limit in limits.items()
    ]


def region_document(region: str, quotas: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "kind": "compute#region", "id": stable_id(region), "creationTimestamp": CREATED, "name": region,
        "description": region, "status": "UP", "quotas": quotas, "selfLink": link(f"regions/{region}"),
        "zones": [link(f"zones/{region}-{letter}") for letter in _ZONES[region]], "supportsPzs": False,
    }  # fmt: skip


def machine_type_document(shape: Shape, zone: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "kind": "compute#machineType", "id": stable_id(shape.name), "creationTimestamp": CREATED, "name": shape.name,
        "description": shape.description, "guestCpus": shape.cpus, "memoryMb": int(shape.memory_gb * 1024),
        "imageSpaceGb": 0, "maximumPersistentDisks": 128, "maximumPersistentDisksSizeGb": "263168", "zone": zone,
        "isSharedCpu": shape.shared_cpu, "architecture": "X86_64",
        "selfLink": link(f"zones/{zone}/machineTypes/{shape.name}"),
    }  # fmt: skip
    if shape.gpu:
        document["accelerators"] = [{"guestAcceleratorType": shape.gpu, "guestAcceleratorCount": shape.gpus}]
    if shape.local_ssds:
        document["bundledLocalSsds"] = {"defaultInterface": "NVME", "partitionCount": shape.local_ssds}
    return document


def accelerator_document(accelerator: Accelerator, zone: str) -> dict[str, Any]:
    return {
        "kind": "compute#acceleratorType", "id": stable_id(accelerator.name), "creationTimestamp": CREATED,
        "name": accelerator.name, "description": accelerator.description, "zone": link(f"zones/{zone}"),
        "maximumCardsPerInstance": max(accelerator.cards),
        "selfLink": link(f"zones/{zone}/acceleratorTypes/{accelerator.name}"),
    }  # fmt: skip


def image_document(image: Image) -> dict[str, Any]:
    return {
        "kind": "compute#image", "id": stable_id(image.name), "creationTimestamp": CREATED, "name": image.name,
        "family": image.family, "description": "the machine image of the local cloud", "status": "READY",
        "sourceType": "RAW", "architecture": "X86_64", "diskSizeGb": str(image.disk_gb), "archiveSizeBytes": "0",
        "labelFingerprint": "42WmSpB8rSM=", "guestOsFeatures": [{"type": "VIRTIO_SCSI_MULTIQUEUE"}, {"type": "GVNIC"}],
        "selfLink": f"{API}projects/{image.project}/global/images/{image.name}",
    }  # fmt: skip


def network_document() -> dict[str, Any]:
    return {
        "kind": "compute#network", "id": stable_id(NETWORK), "creationTimestamp": CREATED, "name": NETWORK,
        "description": "Default network for the project", "autoCreateSubnetworks": True,
        "selfLink": link(f"global/networks/{NETWORK}"), "routingConfig": {"routingMode": "REGIONAL"},
        "subnetworks": [link(f"regions/{region}/subnetworks/{NETWORK}") for region in _ZONES],
        "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
    }  # fmt: skip


def project_document(quotas: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "kind": "compute#project", "id": stable_id(PROJECT), "creationTimestamp": CREATED, "name": PROJECT,
        "description": "the local cloud", "selfLink": f"{API}projects/{PROJECT}", "defaultNetworkTier": "PREMIUM",
        "commonInstanceMetadata": {"kind": "compute#metadata", "fingerprint": "AAAAAAAAAAA="},
        "quotas": quotas,
        "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS", "cloudArmorTier": "CA_STANDARD",
        "vmDnsSetting": "ZONAL_ONLY",
    }  # fmt: skip
