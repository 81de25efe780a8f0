"""Facts about processors, memory, disks and the board."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, List, Mapping

from provision.agent.facts_system import Facts, text_of
from provision.agent.target import Target

_DMI = {
    "bios_date": "bios_date",
    "bios_vendor": "bios_vendor",
    "bios_version": "bios_version",
    "board_asset_tag": "board_asset_tag",
    "board_name": "board_name",
    "board_serial": "board_serial",
    "board_vendor": "board_vendor",
    "board_version": "board_version",
    "chassis_asset_tag": "chassis_asset_tag",
    "chassis_serial": "chassis_serial",
    "chassis_vendor": "chassis_vendor",
    "chassis_version": "chassis_version",
    "product_name": "product_name",
    "product_serial": "product_serial",
    "product_uuid": "product_uuid",
    "product_version": "product_version",
    "system_vendor": "sys_vendor",
}


def processor(args: Mapping[str, Any], target: Target) -> Facts:
    """Counts and names of the processors."""
    facts = processor_from(text_of("/proc/cpuinfo"), os.uname().machine)
    facts["processor_nproc"] = len(os.sched_getaffinity(0))
    return facts


def processor_from(cpuinfo: str, machine: str = "x86_64") -> Facts:
    """What /proc/cpuinfo says, counted as Ansible counts."""
    names: List[str] = []
    sockets: Dict[str, int] = {}
    threads: Dict[str, int] = {}
    flags: List[str] = []
    counts = {"processor": 0, "vendor_id": 0, "model name": 0}
    socket, core = "0", "0"
    for line in cpuinfo.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        counts[key] = counts.get(key, 0) + 1
        if key in ("model name", "Processor", "vendor_id", "cpu", "Vendor", "processor"):
            names.append(value)
        elif key == "flags":
            flags = value.split()
        elif key == "physical id":
            socket = value
            sockets.setdefault(socket, 1)
        elif key == "core id":
            core = value
            threads.setdefault(core, 1)
        elif key == "cpu cores":
            sockets[socket] = int(value)
        elif key == "siblings":
            threads[core] = int(value)
    found = counts["processor"] if machine.startswith(("arm", "aarch", "ppc")) else counts["vendor_id"] or len(names)
    count = len(sockets) or found
    cores = next(iter(sockets.values()), 1) or 1
    per_core = round(next(iter(threads.values()), 1) / cores)
    return {
        "processor": names,
        "processor_count": count,
        "processor_cores": cores,
        "processor_threads_per_core": per_core,
        "processor_vcpus": per_core * count * cores,
        "processor_nproc": counts["processor"],
        **({"flags": flags} if flags else {}),
    }


def memory(args: Mapping[str, Any], target: Target) -> Facts:
    """Memory and swap, in MiB."""
    return memory_from(text_of("/proc/meminfo"))


def memory_from(meminfo: str) -> Facts:
    """What /proc/meminfo says."""
    kib = {line.partition(":")[0]: int(line.split()[1]) for line in meminfo.splitlines() if len(line.split()) > 1}

    def mb(*names: str) -> int:
        return sum(kib.get(name, 0) for name in names) // 1024

    total, free, swap = mb("MemTotal"), mb("MemFree"), mb("SwapTotal")
    available = mb("MemFree", "Cached", "Buffers")
    return {
        "memtotal_mb": total,
        "memfree_mb": free,
        "swaptotal_mb": swap,
        "swapfree_mb": mb("SwapFree"),
        "memory_mb": {
            "real": {"total": total, "used": total - free, "free": free},
            "nocache": {"free": available, "used": total - available},
            "swap": {"total": swap, "free": mb("SwapFree"), "used": swap - mb("SwapFree"), "cached": mb("SwapCached")},
        },
    }


def uptime(args: Mapping[str, Any], target: Target) -> Facts:
    """Seconds since boot."""
    words = text_of("/proc/uptime").split()
    return {"uptime_seconds": int(float(words[0]))} if words else {}


def dmi(args: Mapping[str, Any], target: Target) -> Facts:
    """What the board says about itself; NA where it says nothing, or only to root."""
    facts = {name: text_of("/sys/devices/virtual/dmi/id/" + file, "NA") for name, file in _DMI.items()}
    return {**facts, "form_factor": _form(text_of("/sys/devices/virtual/dmi/id/chassis_type"))}


def devices(args: Mapping[str, Any], target: Target) -> Facts:
    """Block devices: size, model and partitions."""
    found: Facts = {}
    for name in _listed("/sys/block"):
        folder = "/sys/block/" + name
        size = int(text_of(folder + "/size", "0"))
        sector = int(text_of(folder + "/queue/logical_block_size", "512"))
        found[name] = {
            "virtual": 1 if "/virtual/" in os.path.realpath(folder) else 0,
            "model": text_of(folder + "/device/model") or None,
            "vendor": text_of(folder + "/device/vendor") or None,
            "removable": text_of(folder + "/removable", "0"),
            "rotational": text_of(folder + "/queue/rotational", "0"),
            "holders": _listed(folder + "/holders"),
            "sectors": size,
            "sectorsize": str(sector),
            "size": human(size * 512),
            "partitions": {one: _partition(folder, one) for one in _listed(folder) if one.startswith(name)},
        }
    return {"devices": found}


def mounts(args: Mapping[str, Any], target: Target) -> Facts:
    """What is mounted from devices and from the network, with sizes."""
    uuids = _uuids()
    return {"mounts": [_mount(line, uuids) for line in text_of("/proc/mounts").splitlines() if _is_real(line)]}


def human(size: int) -> str:
    """A size as Ansible writes it."""
    for power, unit in ((50, "PB"), (40, "TB"), (30, "GB"), (20, "MB"), (10, "KB")):
        if size >= 1 << power:
            return "%.2f %s" % (size / (1 << power), unit)
    return "%.2f Bytes" % size


def _partition(folder: str, name: str) -> Dict[str, Any]:
    size = int(text_of("%s/%s/size" % (folder, name), "0"))
    return {
        "start": text_of("%s/%s/start" % (folder, name), "0"),
        "sectors": str(size),
        "sectorsize": 512,
        "size": human(size * 512),
        "uuid": _uuids().get("/dev/" + name),
        "holders": _listed("%s/%s/holders" % (folder, name)),
    }


def _is_real(line: str) -> bool:
    words = line.split()
    return len(words) >= 6 and (words[0].startswith(("/", "\\")) or ":/" in words[0]) and words[2] != "none"


def _mount(line: str, uuids: Mapping[str, str]) -> Dict[str, Any]:
    # The kernel writes blanks, tabs and backslashes in octal.
    words = [re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), word) for word in line.split()]
    path = words[1]
    found: Dict[str, Any] = {
        "mount": path,
        "device": words[0],
        "fstype": words[2],
        "options": words[3],
        "dump": int(words[4]),
        "passno": int(words[5]),
        "uuid": uuids.get(words[0], "N/A"),
    }
    try:
        status = os.statvfs(path)
    except OSError:
        return found
    found.update(
        size_total=status.f_frsize * status.f_blocks,
        size_available=status.f_frsize * status.f_bavail,
        block_size=status.f_bsize,
        block_total=status.f_blocks,
        block_available=status.f_bavail,
        block_used=status.f_blocks - status.f_bavail,
        inode_total=status.f_files,
        inode_available=status.f_favail,
        inode_used=status.f_files - status.f_favail,
    )
    return found


def _uuids() -> Dict[str, str]:
    folder = "/dev/disk/by-uuid"
    return {os.path.realpath(os.path.join(folder, name)): name for name in _listed(folder)}


def _listed(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _form(number: str) -> str:
    names = {"1": "Other", "3": "Desktop", "9": "Laptop", "10": "Notebook", "17": "Main Server Chassis"}
    return names.get(number, "NA" if not number else "Unknown")
