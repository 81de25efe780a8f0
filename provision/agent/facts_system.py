"""Facts about the system: which distribution, which user, which Python, what time it is."""

from __future__ import annotations

import os
import pwd
import re
import sys
import time
from typing import Any, Dict, Mapping, Optional

from provision.agent.target import Target

Facts = Dict[str, Any]

_DISTRIBUTIONS = {
    "debian": "Debian",
    "ubuntu": "Ubuntu",
    "raspbian": "Debian",
    "linuxmint": "Linux Mint",
    "pop": "Pop!_OS",
    "kali": "Kali",
    "devuan": "Devuan",
    "rhel": "RedHat",
    "centos": "CentOS",
    "fedora": "Fedora",
    "rocky": "Rocky",
    "almalinux": "AlmaLinux",
    "ol": "OracleLinux",
    "amzn": "Amazon",
    "alpine": "Alpine",
    "arch": "Archlinux",
    "gentoo": "Gentoo",
    "opensuse-leap": "openSUSE Leap",
    "opensuse-tumbleweed": "openSUSE Tumbleweed",
    "sles": "SLES",
}
_FAMILIES = {
    "Debian": ("Debian", "Ubuntu", "Linux Mint", "Pop!_OS", "Kali", "Devuan"),
    "RedHat": ("RedHat", "CentOS", "Fedora", "Rocky", "AlmaLinux", "OracleLinux", "Amazon"),
    "Suse": ("openSUSE Leap", "openSUSE Tumbleweed", "SLES"),
}
_PACKAGE_MANAGERS = (
    ("/usr/bin/apt-get", "apt"),
    ("/usr/bin/dnf5", "dnf5"),
    ("/usr/bin/dnf", "dnf"),
    ("/usr/bin/yum", "yum"),
    ("/usr/bin/zypper", "zypper"),
    ("/usr/bin/pacman", "pacman"),
    ("/sbin/apk", "apk"),
)


def text_of(path: str, default: str = "") -> str:
    """A small file's text, stripped; the default where it cannot be read."""
    try:
        with open(path, errors="replace") as file:
            return file.read().strip("\0 \n\t") or default
    except OSError:
        return default


def platform(args: Mapping[str, Any], target: Target) -> Facts:
    """Kernel, names and architecture."""
    system = os.uname()
    fqdn = _fqdn(system.nodename)
    bits = "64" if sys.maxsize > 2**32 else "32"
    return {
        "system": system.sysname,
        "kernel": system.release,
        "kernel_version": system.version,
        "machine": system.machine,
        "architecture": "i386" if re.fullmatch(r"i[3456]86", system.machine) else system.machine,
        "userspace_bits": bits,
        "userspace_architecture": system.machine if bits == "64" else "i386",
        "nodename": system.nodename,
        "hostname": system.nodename.split(".")[0],
        "fqdn": fqdn,
        "domain": fqdn.partition(".")[2],
        "machine_id": text_of("/var/lib/dbus/machine-id") or text_of("/etc/machine-id"),
    }


def distribution(args: Mapping[str, Any], target: Target) -> Facts:
    """Name, version and family, from os-release."""
    path = "/etc/os-release" if os.path.exists("/etc/os-release") else "/usr/lib/os-release"
    return distribution_from(text_of(path), text_of("/etc/debian_version"), path)


def distribution_from(os_release: str, debian_version: str = "", path: str = "/etc/os-release") -> Facts:
    """Ansible's names for what os-release says. Debian's own point release stands in a file beside it."""
    values = key_values(os_release)
    name = _DISTRIBUTIONS.get(values.get("ID", ""), values.get("NAME", "Linux"))
    version = values.get("VERSION_ID", "n/a")
    if name == "Debian" and re.fullmatch(r"\d+(\.\d+)*", debian_version):
        version = debian_version
    family = next((family for family, names in _FAMILIES.items() if name in names), name)
    facts: Facts = {
        "distribution": name,
        "distribution_version": version,
        "distribution_major_version": version.split(".")[0],
        "distribution_release": values.get("VERSION_CODENAME") or values.get("UBUNTU_CODENAME") or _codename(values),
        "distribution_file_parsed": True,
        "distribution_file_path": path,
        "distribution_file_variety": family if family in _FAMILIES else name,
        "os_family": family,
    }
    if name == "Debian" and "." in version:
        facts["distribution_minor_version"] = version.split(".")[1]
    return facts


def key_values(text: str) -> Dict[str, str]:
    """Lines of KEY="value"."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}


def lsb(args: Mapping[str, Any], target: Target) -> Facts:
    """As lsb_release tells it; from os-release where that program is missing."""
    if not os.path.exists("/etc/lsb-release") and not target.find("lsb_release"):
        return {"lsb": {}}
    values = key_values(text_of("/etc/lsb-release"))
    release = values.get("DISTRIB_RELEASE")
    if release:
        found = {"id": values.get("DISTRIB_ID"), "description": values.get("DISTRIB_DESCRIPTION")}
        return _lsb(release, values.get("DISTRIB_CODENAME"), found)
    system = key_values(text_of("/etc/os-release"))
    name = _DISTRIBUTIONS.get(system.get("ID", ""), system.get("NAME"))
    found = {"id": name, "description": system.get("PRETTY_NAME")}
    return _lsb(system.get("VERSION_ID", ""), system.get("VERSION_CODENAME"), found)


def user(args: Mapping[str, Any], target: Target) -> Facts:
    """Who the agent is."""
    try:
        entry: Any = pwd.getpwuid(os.getuid())
    except KeyError:
        return {"user_id": str(os.getuid()), "user_uid": os.getuid(), "user_gid": os.getgid()}
    return {
        "user_id": entry.pw_name,
        "user_uid": entry.pw_uid,
        "user_gid": entry.pw_gid,
        "user_gecos": entry.pw_gecos,
        "user_dir": entry.pw_dir,
        "user_shell": entry.pw_shell,
        "real_user_id": os.getuid(),
        "effective_user_id": os.geteuid(),
        "real_group_id": os.getgid(),
        "effective_group_id": os.getegid(),
    }


def env(args: Mapping[str, Any], target: Target) -> Facts:
    """The environment that tasks run in."""
    return {"env": dict(os.environ)}


def date_time(args: Mapping[str, Any], target: Target, now: Optional[float] = None) -> Facts:
    """The clock, in all of Ansible's spellings."""
    now = time.time() if now is None else now
    local, utc = time.localtime(now), time.gmtime(now)
    micro = "%06d" % int(now % 1 * 1_000_000)
    spelled = {
        "year": "%Y",
        "month": "%m",
        "weekday": "%A",
        "weekday_number": "%w",
        "weeknumber": "%W",
        "day": "%d",
        "hour": "%H",
        "minute": "%M",
        "second": "%S",
        "date": "%Y-%m-%d",
        "time": "%H:%M:%S",
        "tz": "%Z",
        "tz_offset": "%z",
        "iso8601_basic_short": "%Y%m%dT%H%M%S",
    }
    found = {name: time.strftime(form, local) for name, form in spelled.items()}
    found.update(
        epoch=str(int(now)),
        epoch_int=str(int(now)),
        iso8601_micro=time.strftime("%Y-%m-%dT%H:%M:%S.", utc) + micro + "Z",
        iso8601=time.strftime("%Y-%m-%dT%H:%M:%SZ", utc),
        iso8601_basic=time.strftime("%Y%m%dT%H%M%S", local) + micro,
        tz_dst=time.tzname[1],
    )
    return {"date_time": found}


def python(args: Mapping[str, Any], target: Target) -> Facts:
    """The interpreter that runs this."""
    info = sys.version_info
    names = ("major", "minor", "micro", "releaselevel", "serial")
    return {
        "python_version": "%d.%d.%d" % info[:3],
        "python": {
            "version": dict(zip(names, info)),
            "version_info": list(info),
            "executable": sys.executable,
            "has_sslcontext": True,
            "type": sys.implementation.name,
        },
    }


def cmdline(args: Mapping[str, Any], target: Target) -> Facts:
    """The kernel's command line: the last of several equal words, and all of them."""
    once: Dict[str, Any] = {}
    every: Dict[str, Any] = {}
    for word in text_of("/proc/cmdline").split():
        name, separator, text = word.partition("=")
        value: Any = text if separator else True
        once[name] = value
        if name in every:
            every[name] = (every[name] if isinstance(every[name], list) else [every[name]]) + [value]
        else:
            every[name] = value
    return {"cmdline": once, "proc_cmdline": every}


def selinux(args: Mapping[str, Any], target: Target) -> Facts:
    """Whether SELinux is on."""
    if not os.path.exists("/sys/fs/selinux/enforce"):
        return {"selinux": {"status": "disabled"}, "selinux_python_present": False}
    mode = "enforcing" if text_of("/sys/fs/selinux/enforce") == "1" else "permissive"
    return {"selinux": {"status": "enabled", "mode": mode}, "selinux_python_present": False}


def apparmor(args: Mapping[str, Any], target: Target) -> Facts:
    """Whether AppArmor is on."""
    enabled = os.path.exists("/sys/kernel/security/apparmor")
    return {"apparmor": {"status": "enabled" if enabled else "disabled"}}


def capabilities(args: Mapping[str, Any], target: Target) -> Facts:
    """Whether this process is limited to some capabilities, and which (as capsh prints them)."""
    program = target.find("capsh")
    if not program:
        return {}
    for line in target.query(program, "--print").stdout.splitlines():
        if line.startswith("Current:"):
            value = line.partition(":")[2].strip()
            everything = value == "=ep"
            enforced = "False" if everything else "True"
            names = [] if everything else [one.strip() for one in value.partition("=")[2].split(",")]
            return {"system_capabilities_enforced": enforced, "system_capabilities": names}
    return {}


def fips(args: Mapping[str, Any], target: Target) -> Facts:
    """Whether the kernel is in FIPS mode."""
    return {"fips": text_of("/proc/sys/crypto/fips_enabled") == "1"}


def service_mgr(args: Mapping[str, Any], target: Target) -> Facts:
    """What process 1 is."""
    first = text_of("/proc/1/comm")
    if first in ("", "init") or first.endswith("sh"):
        first = "systemd" if os.path.exists("/run/systemd/system") else "sysvinit"
    renamed = {"procd": "openwrt_init", "runit-init": "runit", "svscan": "svc", "openrc-init": "openrc"}
    return {"service_mgr": renamed.get(first, first)}


def pkg_mgr(args: Mapping[str, Any], target: Target) -> Facts:
    """The program that installs packages."""
    return {"pkg_mgr": next((name for path, name in _PACKAGE_MANAGERS if os.path.exists(path)), "unknown")}


def ssh_host_keys(args: Mapping[str, Any], target: Target) -> Facts:
    """The machine's public host keys."""
    facts: Facts = {}
    for kind in ("dsa", "rsa", "ecdsa", "ed25519"):
        words = text_of("/etc/ssh/ssh_host_%s_key.pub" % kind).split()
        if len(words) >= 2:
            facts["ssh_host_key_%s_public" % kind] = words[1]
            facts["ssh_host_key_%s_public_keytype" % kind] = words[0]
    return facts


def load(args: Mapping[str, Any], target: Target) -> Facts:
    """The load averages."""
    return {"loadavg": dict(zip(("1m", "5m", "15m"), os.getloadavg()))}


def _fqdn(nodename: str) -> str:
    """From /etc/hosts first: asking a name server that does not answer would cost seconds."""
    if "." in nodename:
        return nodename
    for line in text_of("/etc/hosts").splitlines():
        words = line.partition("#")[0].split()
        if nodename in words[1:]:
            return next((word for word in words[1:] if "." in word), words[1])
    return nodename


def _codename(values: Mapping[str, str]) -> str:
    found = re.search(r"\(([^)]+)\)", values.get("VERSION", ""))
    return found.group(1) if found else "NA"


def _lsb(release: str, codename: Optional[str], found: Mapping[str, Optional[str]]) -> Facts:
    values = {**found, "release": release, "codename": codename, "major_release": release.split(".")[0]}
    return {"lsb": {name: value for name, value in values.items() if value}}
