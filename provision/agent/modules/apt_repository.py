"""Lines of apt's sources, one file for every repository, and the lists fetched anew when they change."""

from __future__ import annotations

import glob
import os
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Tuple

from provision.agent import attributes
from provision.agent.apt_get import AptGet
from provision.agent.attributes import Wanted
from provision.agent.change import Answer, Change, Unchanged, Values
from provision.agent.errors import Failed
from provision.agent.files import read_or_none, write
from provision.agent.target import Target

SOURCES = "/etc/apt"
_KINDS = ("deb", "deb-src")
_APT = {
    "lock_timeout": 60,
    "dpkg_options": "",
    "install_recommends": None,
    "default_release": None,
    "allow_unauthenticated": False,
    "allow_downgrade": False,
    "allow_change_held_packages": False,
    "fail_on_autoremove": False,
    "only_upgrade": False,
    "force": False,
    "policy_rc_d": None,
}


class Line(NamedTuple):
    """One line of a sources file: `source` is empty where it says nothing about a repository."""

    text: str
    source: str = ""
    enabled: bool = True
    comment: str = ""


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """The files as they are, and as they shall be."""
    source = parsed(args["repo"]).source
    if args["repo"].startswith("ppa:"):
        raise Failed(
            "%s is refused: a PPA's signing key has to come from Launchpad's key server" % args["repo"],
            hint="write the deb line with signed-by, and fetch the key with get_url and a checksum",
        )
    if not source or not parsed(args["repo"]).enabled:
        raise Failed("Invalid repository string: %s" % args["repo"])
    before = _files()
    after = with_source(before, source, args) if args["state"] == "present" else without_source(before, source)
    changed = {
        path: (before.get(path), after.get(path)) for path in {*before, *after} if before.get(path) != after.get(path)
    }
    values: Values = {
        "repo": args["repo"],
        "state": args["state"],
        "sources_added": sorted(path for path, (old, _) in changed.items() if old is None),
        "sources_removed": sorted(path for path, (_, new) in changed.items() if new is None),
    }
    if not changed:
        return Unchanged(values)
    parts = tuple(_diff(path, old, new) for path, (old, new) in sorted(changed.items()))
    files = Change("edit sources", lambda: _perform(changed, args, target))
    return Change("apt_repository", parts=(*parts, files), values=values)


def parsed(text: str) -> Line:
    """A line of a sources file; superfluous blanks do not count."""
    body, enabled = text.strip(), True
    if body.startswith("#"):
        body, enabled = body[1:], False
    body, _, comment = body.partition("#")
    words = body.split()
    if not words or words[0] not in _KINDS:
        return Line(text)
    return Line(text, " ".join(words), enabled, comment.strip())


def with_source(files: Mapping[str, str], source: str, args: Mapping[str, Any]) -> Dict[str, str]:
    """Every line that says this is switched on; if there is none, a file of its own gets it."""
    found = False
    result: Dict[str, str] = {}
    for path, text in files.items():
        lines = [parsed(line) for line in text.splitlines()]
        found = found or any(line.source == source for line in lines)
        switched = [line._replace(enabled=True) if line.source == source else line for line in lines]
        result[path] = _joined(switched) if switched != lines else text
    if not found:
        path = os.path.join(SOURCES, "sources.list.d", file_name(source, args["filename"]))
        result[path] = result.get(path, "") + source + "\n"
    return result


def without_source(files: Mapping[str, str], source: str) -> Dict[str, str]:
    """Lines that say this are removed; a file that has nothing else goes with them."""
    result: Dict[str, str] = {}
    for path, text in files.items():
        lines = [parsed(line) for line in text.splitlines()]
        kept = [line for line in lines if not (line.source == source and line.enabled)]
        if len(kept) == len(lines):
            result[path] = text
        elif kept:
            result[path] = _joined(kept)
    return result


def file_name(source: str, wanted: "str | None") -> str:
    """As Ansible names it: the repository's address without protocol and credentials."""
    if wanted:
        return wanted if wanted.endswith(".list") else wanted + ".list"
    bare = re.sub(r"\[[^\]]+\]", "", source)
    bare = re.sub(r"\w+://", "", bare)
    place = next((word for word in bare.split() if word not in _KINDS), "repository")
    place = place.rpartition("@")[2]
    return "_".join(re.sub("[^a-zA-Z0-9]", " ", place).split()) + ".list"


def _joined(lines: List[Line]) -> str:
    return "".join(_written(line) + "\n" for line in lines)


def _written(line: Line) -> str:
    if not line.source:
        return line.text
    return ("" if line.enabled else "# ") + line.source + (" # " + line.comment if line.comment else "")


def _files() -> Dict[str, str]:
    paths = [os.path.join(SOURCES, "sources.list"), *sorted(glob.glob(SOURCES + "/sources.list.d/*.list"))]
    texts = {path: read_or_none(path) for path in paths}
    return {path: data.decode("utf-8", "replace") for path, data in texts.items() if data is not None}


def _diff(path: str, old: "str | None", new: "str | None") -> Change:
    headers = path if old is not None else "/dev/null", path if new is not None else "/dev/null"
    return Change("edit %s" % path, None, old or "", new or "", *headers)


def _perform(changed: Mapping[str, Tuple[Any, Any]], args: Mapping[str, Any], target: Target) -> None:
    """Write, and fetch the lists; what cannot be fetched is undone."""
    _write({path: new for path, (_, new) in changed.items()}, args, target)
    if not args["update_cache"]:
        return
    try:
        AptGet({**_APT, **args}, target).update()
    except Failed:
        _write({path: old for path, (old, _) in changed.items()}, args, target)
        raise


def _write(files: Mapping[str, Any], args: Mapping[str, Any], target: Target) -> None:
    for path, text in files.items():
        if text is None:
            if os.path.exists(path):
                os.unlink(path)
            continue
        is_new = not os.path.exists(path)
        mode = args["mode"] if args["mode"] is not None else "0644"
        write(target, os.path.realpath(path), text.encode(), Wanted(mode=mode) if is_new else attributes.Wanted())
