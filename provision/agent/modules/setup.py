"""Facts about the machine, gathered from /proc, /sys and /etc; hardly a process is started for them."""

from __future__ import annotations

import fnmatch
from typing import Any, Callable, Dict, List, Mapping, Set

from provision.agent import facts_hardware, facts_local, facts_network, facts_system, facts_virtual
from provision.agent.change import Answer, Unchanged
from provision.agent.errors import Failed
from provision.agent.target import Target

Gather = Callable[[Mapping[str, Any], Target], Dict[str, Any]]

_SUBSETS: Dict[str, Gather] = {
    "platform": facts_system.platform,
    "distribution": facts_system.distribution,
    "lsb": facts_system.lsb,
    "user": facts_system.user,
    "env": facts_system.env,
    "date_time": facts_system.date_time,
    "python": facts_system.python,
    "cmdline": facts_system.cmdline,
    "selinux": facts_system.selinux,
    "apparmor": facts_system.apparmor,
    "caps": facts_system.capabilities,
    "fips": facts_system.fips,
    "service_mgr": facts_system.service_mgr,
    "pkg_mgr": facts_system.pkg_mgr,
    "ssh_pub_keys": facts_system.ssh_host_keys,
    "loadavg": facts_system.load,
    "local": facts_local.gather,
    "hardware": facts_hardware.processor,
    "memory": facts_hardware.memory,
    "devices": facts_hardware.devices,
    "mounts": facts_hardware.mounts,
    "dmi": facts_hardware.dmi,
    "uptime": facts_hardware.uptime,
    "network": facts_network.gather,
    "dns": facts_network.dns,
    "virtual": facts_virtual.gather,
}

_HARDWARE = {"hardware", "memory", "devices", "mounts", "dmi", "uptime"}
_NETWORK = {"network", "dns"}
_VIRTUAL = {"virtual"}
_GROUPS: Dict[str, Set[str]] = {
    "all": set(_SUBSETS),
    "hardware": _HARDWARE,
    "processor": {"hardware"},
    "network": _NETWORK,
    "interfaces": {"network"},
    "default_ipv4": {"network"},
    "virtual": _VIRTUAL,
    "min": set(_SUBSETS) - _HARDWARE - _NETWORK - _VIRTUAL,
    "distribution_version": {"distribution"},
    "os_family": {"distribution"},
    "system": {"platform"},
    "system_capabilities": {"caps"},
}
# What Ansible has besides, for storage networks and cloud inventories of old: nothing is found on our machines.
_EMPTY = ("facter", "ohai", "chroot", "iscsi", "nvme", "fibre_channel_wwn", "is_chroot", "cpu", "swap")


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """The facts of the chosen subsets, by names that match the filter; nothing changes."""
    facts: Dict[str, Any] = {}
    for name in _SUBSETS:
        if name in chosen(args["gather_subset"]):
            facts.update(_SUBSETS[name](args, target))
    facts["gather_subset"] = args["gather_subset"]
    facts["module_setup"] = True
    return Unchanged({"ansible_facts": filtered(facts, args["filter"])})


def chosen(words: List[str]) -> Set[str]:
    """The subsets that `gather_subset` names; `min` comes along unless it is excluded."""
    wanted: Set[str] = set()
    excluded: Set[str] = set()
    for word in words:
        (excluded if word.startswith("!") else wanted).update(_members(word.lstrip("!"), word))
    if "!all" in words:
        excluded -= _GROUPS["min"] if "!min" not in words else set()
    if not wanted:
        wanted = set(_SUBSETS)
    named = {one for word in words if not word.startswith("!") and word != "all" for one in _members(word, word)}
    return (wanted | (_GROUPS["min"] if "!min" not in words else set())) - (excluded - named)


def filtered(facts: Mapping[str, Any], patterns: List[str]) -> Dict[str, Any]:
    """Facts whose name matches, with or without the `ansible_` that Ansible's filter is written with."""
    if not patterns:
        return dict(facts)
    bare = [pattern[len("ansible_") :] if pattern.startswith("ansible_") else pattern for pattern in patterns]
    return {name: value for name, value in facts.items() if any(fnmatch.fnmatch(name, one) for one in bare + patterns)}


def _members(name: str, word: str) -> Set[str]:
    if name in _GROUPS:
        return _GROUPS[name]
    if name in _SUBSETS:
        return {name}
    if name in _EMPTY:
        return set()
    known = ", ".join(sorted({*_GROUPS, *_SUBSETS, *_EMPTY}))
    raise Failed("Bad subset '%s' given to Ansible. gather_subset options allowed: %s" % (word, known))
