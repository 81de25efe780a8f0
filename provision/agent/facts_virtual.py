"""Facts about what the machine itself runs on."""

from __future__ import annotations

import os
import re
from typing import Any, Iterator, Mapping, Tuple

from provision.agent.facts_system import Facts, text_of
from provision.agent.target import Target

_DMI = "/sys/devices/virtual/dmi/id/"
_PRODUCTS = {
    "KVM": "kvm",
    "KVM Server": "kvm",
    "Bochs": "kvm",
    "AHV": "kvm",
    "OpenStack Compute": "openstack",
    "OpenStack Nova": "openstack",
}
_BIOSES = {"Xen": "xen", "innotek GmbH": "virtualbox", "Amazon EC2": "kvm", "DigitalOcean": "kvm", "Hetzner": "kvm"}
_VENDORS = {
    "QEMU": "kvm",
    "Amazon EC2": "kvm",
    "DigitalOcean": "kvm",
    "Google": "kvm",
    "Scaleway": "kvm",
    "Nutanix": "kvm",
    "oVirt": "oVirt",
    "KubeVirt": "KubeVirt",
    "Microsoft Corporation": "VirtualPC",
    "Parallels Software International Inc.": "parallels",
    "OpenStack Foundation": "openstack",
}

Finding = Tuple[str, str]
"""A technology, and `guest` or `host`."""


def gather(args: Mapping[str, Any], target: Target) -> Facts:
    """Type and role: the first finding counts; all of them are listed."""
    found = [*_containers(), *_machines(), *_hosts()]
    kind, role = found[0] if found else ("NA", "NA")
    guest = {name for name, side in found if side == "guest"}
    if guest & {"docker", "lxc", "podman", "openvz", "containerd"}:
        guest.add("container")
    return {
        "virtualization_type": kind,
        "virtualization_role": role,
        "virtualization_tech_guest": sorted(guest),
        "virtualization_tech_host": sorted({name for name, side in found if side == "host"}),
    }


def _containers() -> Iterator[Finding]:
    groups = text_of("/proc/1/cgroup")
    if re.search(r"/docker(/|-[0-9a-f]+\.scope)", groups):
        yield "docker", "guest"
    if re.search("/lxc/|/machine.slice/machine-lxc", groups):
        yield "lxc", "guest"
    if "/system.slice/containerd.service" in groups:
        yield "containerd", "guest"
    for word in text_of("/proc/1/environ").split("\0"):
        if word.startswith("container="):
            name = word.partition("=")[2]
            yield name if name in ("lxc", "podman") else "container", "guest"
    told = text_of("/run/systemd/container")
    if told:
        yield told, "guest"
    if os.path.exists("/.dockerenv") or os.path.exists("/.dockerinit"):
        yield "docker", "guest"


def _machines() -> Iterator[Finding]:
    product = text_of(_DMI + "product_name")
    bios, vendor = text_of(_DMI + "bios_vendor"), text_of(_DMI + "sys_vendor")
    if os.path.exists("/proc/xen"):
        yield "xen", "host" if "control_d" in text_of("/proc/xen/capabilities") else "guest"
    if product.startswith("VMware"):
        yield "VMware", "guest"
    for names, name in ((_PRODUCTS, product), (_BIOSES, bios), (_VENDORS, vendor)):
        if name in names:
            yield names[name], "guest"
    if "QEMU Virtual CPU" in text_of("/proc/cpuinfo"):
        yield "kvm", "guest"


def _hosts() -> Iterator[Finding]:
    modules = {line.split(" ", 1)[0] for line in text_of("/proc/modules").splitlines()}
    if "kvm" in modules or os.path.exists("/dev/kvm"):
        yield "kvm", "host"
    if "vboxdrv" in modules:
        yield "virtualbox", "host"
    if "virtio" in modules:
        yield "kvm", "guest"
