"""Packages of Debian and its kin."""

from __future__ import annotations

import fnmatch
import os
import time
from typing import Any, List, Mapping, Optional, Tuple

from provision.agent import packages, web
from provision.agent.apt_get import AptGet, does_nothing, lists_time
from provision.agent.change import Answer, Change, Unchanged, Values, together
from provision.agent.errors import Failed
from provision.agent.packages import Wish
from provision.agent.process import Completed
from provision.agent.target import Target

_EXTENDED_STATES = "/var/lib/apt/extended_states"


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """The lists first (they are what we look at), then what the task wants of packages."""
    apt = AptGet(args, target)
    cache = _refreshed(args, target, apt)
    names = [name.strip() for name in args["name"] or [] if name.strip()]
    parts: List[Optional[Change]] = []
    if args["clean"]:
        parts.append(Change("clean", lambda: _told(apt.run("clean"))))
    if args["upgrade"] != "no" or (names == ["*"] and args["state"] == "latest"):
        parts.append(_upgrade(args, apt))
    elif args["deb"]:
        parts.append(_deb(args, target, apt))
    elif names:
        if "*" in names:
            raise Failed("unable to install additional packages when upgrading all installed packages")
        parts.append(_packages(args, target, apt, names))
    else:
        parts += _tidying(args, apt)
    change = together("apt", parts, **cache)
    if change is None and cache.get("cache_updated") and not names and not args["deb"] and args["upgrade"] == "no":
        return Change("fetch package lists", values=cache)
    return change or Unchanged(cache)


def _refreshed(args: Mapping[str, Any], target: Target, apt: AptGet) -> Values:
    """Fetch the lists when they are older than the task allows."""
    had = lists_time()
    wanted = args["update_cache"] or args["cache_valid_time"]
    due = wanted and had + args["cache_valid_time"] < time.time()
    if due and not target.check:
        apt.update()
    has = lists_time()
    return {"cache_updated": bool(due and (target.check or has != had)), "cache_update_time": has}


def _upgrade(args: Mapping[str, Any], apt: AptGet) -> Optional[Change]:
    kind = args["upgrade"] if args["upgrade"] != "no" else "yes"
    words = ["dist-upgrade"] if kind in ("dist", "full") else ["upgrade", "--with-new-pkgs"]
    words += ["--auto-remove"] if args["autoremove"] else []
    return _simulated("upgrade all packages", apt, words, msg=True)


def _tidying(args: Mapping[str, Any], apt: AptGet) -> List[Optional[Change]]:
    purge = ["--purge"] if args["purge"] else []
    parts: List[Optional[Change]] = []
    if args["autoclean"]:
        simulated = apt.simulate("autoclean")
        if "Del " in simulated.stdout:
            parts.append(Change("autoclean", lambda: _told(apt.run("autoclean"))))
    if args["autoremove"]:
        parts.append(_simulated("remove what nothing needs", apt, ["autoremove", *purge]))
    return parts


def _simulated(summary: str, apt: AptGet, words: List[str], msg: bool = False) -> Optional[Change]:
    """A Change only when apt says that it would do something."""
    simulated = apt.simulate(*words)
    if does_nothing(simulated):
        return None

    def perform() -> Values:
        completed = apt.run(*words)
        return {**_told(completed), **({"msg": completed.stdout} if msg else {})}

    return Change(summary, perform, *_diff(simulated), values=_told(simulated))


def _told(completed: Completed) -> Values:
    return {"stdout": completed.stdout, "stderr": completed.stderr}


def _diff(simulated: Completed) -> Tuple[str, str]:
    """Before and after: packages that go, and packages that come."""
    lines = simulated.stdout.splitlines()
    gone = [line[5:] for line in lines if line.startswith(("Remv ", "Purg "))]
    come = [line[5:] for line in lines if line.startswith("Inst ")]
    return "".join(line + "\n" for line in gone), "".join(line + "\n" for line in come)


def _packages(args: Mapping[str, Any], target: Target, apt: AptGet, names: List[str]) -> Optional[Change]:
    if args["state"] == "build-dep":
        return _simulated("install build dependencies", apt, ["build-dep", *names])
    has = packages.installed(target)
    if args["state"] == "absent":
        return _absent(args, apt, has, names)
    wishes = _expanded(names, apt)
    auto = _automatic([wish for wish in wishes if has.version(wish) is not None])
    if auto and not target.check:
        apt.query("apt-mark", "manual", *auto)  # as in Ansible, this alone is no change
    return _present(args, apt, has, wishes, target.check)


def _present(
    args: Mapping[str, Any], apt: AptGet, has: packages.Installed, wishes: List[Wish], check: bool
) -> Optional[Change]:
    if args["only_upgrade"]:
        wishes = [wish for wish in wishes if has.version(wish) is not None]
    options = (["--auto-remove"] if args["autoremove"] else []) + (["--fix-broken"] if args["state"] == "fixed" else [])
    lacking = [wish for wish in wishes if not has.present(wish)]
    if args["state"] == "latest" and wishes:
        return _simulated("install the latest", apt, [*options, "install", *(_word(wish, apt) for wish in wishes)])
    if args["state"] == "fixed" and not lacking:
        return _simulated("fix broken packages", apt, [*options, "install"])
    if not lacking:
        return None
    words = [*options, "install", *(_word(wish, apt) for wish in lacking)]
    return _install(apt, words, [wish.full for wish in lacking], check)


def _install(apt: AptGet, words: List[str], names: List[str], check: bool) -> Change:
    """Only check mode simulates: that costs as much as starting for real."""
    values = _told(apt.simulate(*words)) if check else {}
    after = "".join(name + "\n" for name in names)
    return Change("install %s" % " ".join(names), lambda: _told(apt.run(*words)), "", after, values=values)


def _absent(args: Mapping[str, Any], apt: AptGet, has: packages.Installed, names: List[str]) -> Optional[Change]:
    found: List[str] = []
    for name in names:
        wish = packages.parse(name)
        if _is_pattern(wish.name):
            found += has.matching(wish.name)
        elif has.version(wish) is not None or (args["purge"] and has.left_behind(wish)):
            found.append(wish.full)
    if not found:
        return None
    options = (["--purge"] if args["purge"] else []) + (["--auto-remove"] if args["autoremove"] else [])
    return _simulated("remove %s" % " ".join(found), apt, [*options, "remove", *found])


def _expanded(names: List[str], apt: AptGet) -> List[Wish]:
    """Names with * or ? stand for all available packages that match."""
    wishes: List[Wish] = []
    for name in names:
        wish = packages.parse(name)
        if not _is_pattern(wish.name):
            wishes.append(wish)
            continue
        matched = fnmatch.filter(apt.query("apt-cache", "pkgnames").split(), wish.name)
        if not matched:
            raise Failed("No package(s) matching '%s' available" % name)
        wishes += [wish._replace(name=one) for one in sorted(matched)]
    return wishes


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def _word(wish: Wish, apt: AptGet) -> str:
    """How apt-get is told of a wish; a version with a wildcard becomes the newest that matches."""
    if wish.relation != "=":
        return wish.full
    if not _is_pattern(wish.version):
        return "%s=%s" % (wish.full, wish.version)
    lines = apt.query("apt-cache", "madison", wish.full).splitlines()
    versions = [line.split("|")[1].strip() for line in lines if line.count("|") >= 2]
    matched = fnmatch.filter(versions, wish.version)
    if not matched:
        raise Failed("no available installation candidate for %s=%s" % (wish.full, wish.version))
    return "%s=%s" % (wish.full, matched[0])


def _automatic(wishes: List[Wish]) -> List[str]:
    """Installed packages that apt would remove again once nothing needs them, though the task names them."""
    if not os.access(_EXTENDED_STATES, os.R_OK):
        return []
    with open(_EXTENDED_STATES) as file:
        blocks = file.read().split("\n\n")
    marked = {_field(block, "Package") for block in blocks if _field(block, "Auto-Installed") == "1"}
    return [wish.full for wish in wishes if wish.name in marked]


def _field(block: str, name: str) -> str:
    return next((line.partition(":")[2].strip() for line in block.splitlines() if line.startswith(name + ":")), "")


def _deb(args: Mapping[str, Any], target: Target, apt: AptGet) -> Optional[Change]:
    if args["state"] != "present":
        raise Failed("deb only supports state=present")
    path = _fetched(args["deb"], target)
    fields = target.must(target.need("dpkg-deb"), "-f", path, "Package", "Version", "Architecture").stdout
    name, version, arch = (_field(fields, key) for key in ("Package", "Version", "Architecture"))
    has = packages.installed(target).version(Wish(name, "" if arch == "all" else arch))
    if has == version and not args["force"]:
        return None
    if has is not None and packages.older(version, has) and not (args["allow_downgrade"] or args["force"]):
        raise Failed("A later version is already installed: %s %s, not %s" % (name, has, version))
    return _install(apt, ["install", os.path.abspath(path)], ["%s=%s" % (name, version)], target.check)


def _fetched(place: str, target: Target) -> str:
    if "://" not in place:
        if not os.path.exists(place):
            raise Failed("Unable to install package: %s is not there" % place)
        return place
    path = target.temporary.make("/tmp", suffix=".deb")
    with web.call(web.Call(place, follow="all", timeout_s=30)) as reply:
        if reply.status >= 400:
            raise Failed("Failure downloading %s, %s" % (place, reply.message()))
        web.save(reply, path, target)
    os.chmod(path, 0o644)  # apt reads it as its own user
    return path
