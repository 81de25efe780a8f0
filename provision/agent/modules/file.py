"""Files, folders and links: that they are there, what they point to, and their attributes."""

from __future__ import annotations

import os
import shutil
from typing import Any, Callable, Dict, Iterator, Mapping, Optional

from provision.agent import attributes, folders
from provision.agent.attributes import Wanted
from provision.agent.change import Answer, Change, Unchanged, Values, apply, together
from provision.agent.errors import Failed
from provision.agent.modules import file_links, file_times
from provision.agent.target import Target


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """Dispatch on the wanted state; without one, the state that is there."""
    path = _path(args)
    state = args["state"] or _default_state(args, path)
    if args["recurse"] and state != "directory":
        raise Failed("recurse option requires state to be 'directory'", path=path)
    if args["src"] and state not in ("link", "hard"):
        raise Failed("src option requires state to be 'link' or 'hard'", path=path)
    if target.check and state != "absent":
        args = {**args, **_existing_names(args, target)}
    return _STATES[state](path, args, target)


def state_at(path: str) -> str:
    """What is at a path, in Ansible's words."""
    try:
        return attributes.state_of(os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return "absent"


def _path(args: Mapping[str, Any]) -> str:
    path = str(args["path"])
    if args["state"] not in ("link", "absent") and args["src"] and os.path.isdir(path):
        return os.path.join(path, os.path.basename(args["src"]))
    return path


def _default_state(args: Mapping[str, Any], path: str) -> str:
    there = state_at(path)
    if there != "absent":
        return there
    return "directory" if args["recurse"] else "file"


def _existing_names(args: Mapping[str, Any], target: Target) -> Dict[str, Any]:
    """In check mode an owner may be one that an earlier task would have made: warn, and leave it out."""
    unknown: Dict[str, Any] = {}
    for name, find in (("owner", attributes.user_id), ("group", attributes.group_id)):
        try:
            if args[name] is not None:
                find(args[name])
        except Failed:
            word = "user" if name == "owner" else "group"
            target.warn("failed to look up %s %s. Create %s up to this point in real play" % (word, args[name], word))
            unknown[name] = None
    return unknown


def _followed(path: str, args: Mapping[str, Any]) -> str:
    return os.path.realpath(path) if args["follow"] and os.path.islink(path) else path


def _absent(path: str, args: Mapping[str, Any], target: Target) -> Answer:
    there = state_at(path)
    values = {"path": path, "state": "absent"}
    if there == "absent":
        return Unchanged(values)

    def perform() -> None:
        try:
            shutil.rmtree(path) if there == "directory" else os.unlink(path)
        except FileNotFoundError:
            pass  # somebody else has just removed it
        except OSError as error:
            word = "rmtree failed" if there == "directory" else "unlinking failed"
            raise Failed("%s: %s" % (word, error), path=path) from error

    before: Dict[str, Any] = {"path": path, "state": there}
    if target.diff and there == "directory":
        before["path_content"] = _content_of(path)
    return Change("remove %s" % path, perform, before, {"path": path, "state": "absent"}, values=values)


def _content_of(path: str) -> Dict[str, Any]:
    found: Dict[str, Any] = {"directories": [], "files": []}
    for folder, names, files in os.walk(path):
        found["directories"] += [os.path.join(folder, name) for name in names]
        found["files"] += [os.path.join(folder, name) for name in files]
    return found


def _file(path: str, args: Mapping[str, Any], target: Target) -> Answer:
    path = _followed(path, args)
    there = state_at(path)
    if there not in ("file", "hard"):
        raise Failed("file (%s) is %s, cannot continue" % (path, there), path=path, state=there)
    changes = [attributes.look(path, attributes.wanted(args)), file_times.look(path, args, "preserve")]
    return together("file", changes, path=path) or Unchanged({"path": path})


def _directory(path: str, args: Mapping[str, Any], target: Target) -> Answer:
    path = _followed(path, args)
    there = state_at(path)
    want = attributes.wanted(args)
    values = {"path": path}
    if there == "absent":
        return together("directory", [folders.create(path, want), _times_after(path, args)], **values)
    if there != "directory":
        raise Failed("%s already exists as a %s" % (path, there), path=path)
    changes = [attributes.look(path, want), file_times.look(path, args, "preserve")]
    if args["recurse"]:
        changes += [_deep_change(path, want, args)]
    return together("directory", changes, **values) or Unchanged(values)


def _times_after(path: str, args: Mapping[str, Any]) -> Optional[Change]:
    """The times of something that is made by the Change before this one."""
    if not (args["modification_time"] or args["access_time"]):
        return None

    def perform() -> None:
        change = file_times.look(path, args, "preserve")
        if change and change.perform:
            change.perform()

    return Change("set times of %s" % path, perform)


def _deep_change(path: str, want: Wanted, args: Mapping[str, Any]) -> Optional[Change]:
    """One Change for everything below a folder: a large tree must not make a large diff."""
    wrong = [below for below in _below(path, args["follow"]) if _differs(below, want, args)]
    if not wrong:
        return None

    def perform() -> None:
        for below in wrong:
            attributes.set_attributes(below, want)
            times = file_times.look(below, args, "preserve")
            if times and times.perform:
                times.perform()

    return Change("set attributes of %d things below %s" % (len(wrong), path), perform)


def _differs(path: str, want: Wanted, args: Mapping[str, Any]) -> bool:
    return attributes.look(path, want) is not None or file_times.look(path, args, "preserve") is not None


def _below(path: str, follow: bool, seen: "Optional[set[str]]" = None) -> Iterator[str]:
    """Everything below a folder; what links point to as well when `follow` says so, once each."""
    seen = seen if seen is not None else {os.path.realpath(path)}
    for folder, names, files in os.walk(path):
        for name in names + files:
            one = os.path.join(folder, name)
            yield one
            aim = os.path.realpath(one)
            if follow and os.path.islink(one) and os.path.exists(aim) and aim not in seen:
                seen.add(aim)
                yield aim
                if os.path.isdir(aim):
                    yield from _below(aim, follow, seen)


def _touch(path: str, args: Mapping[str, Any], target: Target) -> Answer:
    values = {"dest": path}
    there = state_at(path)
    if there == "absent":
        return Change(
            "make %s" % path,
            lambda: _make_empty(path, args),
            {"path": path, "state": "absent"},
            {"path": path, "state": "touch"},
            values=values,
        )
    aim = _followed(path, args)
    changes = [attributes.look(aim, attributes.wanted(args)), file_times.look(aim, args, "now")]
    return together("touch", changes, **values) or Unchanged(values)


def _make_empty(path: str, args: Mapping[str, Any]) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o666))
    except OSError as error:
        raise Failed("Error, could not touch target: %s" % error, path=path) from error
    try:
        attributes.set_attributes(path, attributes.wanted(args))
        times = file_times.look(path, args, "now")
        if times and times.perform:
            times.perform()
    except Failed:
        os.unlink(path)  # what we just made is not left behind half-wanted
        raise


def _link(path: str, args: Mapping[str, Any], target: Target) -> Answer:
    source = file_links.source_of(path, args)
    link = file_links.symbolic(path, source, args["force"], state_at(path))
    values: Values = {"dest": path, "src": source}
    if link is not None:
        return together("link", [link, _after_link(path, args, target)], **values)
    return together("link", [_aim_change(path, args, target)], **values) or Unchanged(values)


def _after_link(path: str, args: Mapping[str, Any], target: Target) -> Optional[Change]:
    """Attributes and times of a link that the Change before this one makes."""
    if not (attributes.wanted(args).any() or args["modification_time"] or args["access_time"]):
        return None

    def perform() -> Values:
        change = _aim_change(path, args, target)
        return apply(change) if change else {}

    return Change("set attributes of %s" % path, perform)


def _aim_change(path: str, args: Mapping[str, Any], target: Target) -> Optional[Change]:
    aim = _followed(path, args)
    want = attributes.wanted(args)
    if not os.path.lexists(aim):
        if want.any():
            target.warn("Cannot set fs attributes on a non-existent symlink target. follow should be set to False.")
        return None
    changes = [attributes.look(aim, want), file_times.look(aim, args, "preserve")]
    return together("attributes", changes)


def _hard(path: str, args: Mapping[str, Any], target: Target) -> Answer:
    source, there = args["src"], state_at(path)
    values: Values = {"dest": path, "src": source}
    link = file_links.hard(path, source, args["force"], args["follow"], there)
    if link is not None:
        return together("hard link", [link, _after_link(path, args, target)], **values)
    changes = [attributes.look(path, attributes.wanted(args)), file_times.look(path, args, "preserve")]
    return together("hard link", changes, **values) or Unchanged(values)


_STATES: Dict[str, Callable[[str, Mapping[str, Any], Target], Answer]] = {
    "absent": _absent,
    "file": _file,
    "directory": _directory,
    "touch": _touch,
    "link": _link,
    "hard": _hard,
}
