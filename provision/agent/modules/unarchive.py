"""Unpacks an archive, and knows whether it has been unpacked already."""

from __future__ import annotations

import glob
import os
from typing import Any, Dict, List, Mapping, Optional, Set

from provision.agent import archives, attributes, web
from provision.agent.change import Answer, Change, Unchanged, Values, apply, together
from provision.agent.contents import wanted
from provision.agent.errors import Failed
from provision.agent.target import Target


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """Compare what the archive lists with what is there."""
    if args["creates"] and glob.glob(args["creates"]):
        return Unchanged({"skipped": True, "msg": "skipped, since %s exists" % args["creates"]})
    dest = os.path.abspath(args["dest"])
    if not os.path.isdir(dest):
        raise Failed("dest '%s' must be an existing dir" % args["dest"])
    source = _source(args, target)
    try:
        return _look_archive(args, target, source, dest)
    except BaseException:
        _forget(args, target, source)
        raise


def _look_archive(args: Mapping[str, Any], target: Target, source: str, dest: str) -> Answer:
    archive = archives.opened(source, dest, args, target)
    values: Values = {"dest": dest, "src": args["src"], "handler": archive.handler}
    if target.check and not archive.checkable:
        _forget(args, target, source)
        msg = "remote module (unarchive) does not support check mode when using gtar"
        return Unchanged({**values, "skipped": True, "msg": msg})
    if args["list_files"]:
        values["files"] = archive.names()
    if archive.is_unpacked():
        change = _attribute_change(args, archive.names(), dest)
        _forget(args, target, source)
        return together("attributes", [change], **values) or Unchanged(values)

    def perform() -> Values:
        try:
            extracted = archive.unpack()
            change = _attribute_change(args, archive.names(), dest)
            if change is not None:
                apply(change)
        finally:
            _forget(args, target, source)
        return {"extract_results": extracted}

    return Change(
        "unpack %s" % args["src"], perform, "", "".join(name + "\n" for name in archive.names()), values=values
    )


def _source(args: Mapping[str, Any], target: Target) -> str:
    """The archive as a file here."""
    if args.get("_content"):
        return target.content_file(wanted(args["_content"]), _scratch(), _suffix(args["src"]))
    source = str(args["src"])
    if "://" in source:
        return _downloaded(args, target, source)
    if not os.path.exists(source):
        raise Failed("Source '%s' does not exist" % source)
    if not os.access(source, os.R_OK):
        raise Failed("Source '%s' not readable" % source)
    if not os.path.getsize(source):
        raise Failed("Invalid archive '%s', the file is 0 bytes" % source)
    return source


def _downloaded(args: Mapping[str, Any], target: Target, url: str) -> str:
    path = target.temporary.make(_scratch(), suffix=_suffix(url))
    with web.call(web.Call(url, follow="all", timeout_s=30, validate_certs=args["validate_certs"])) as reply:
        if reply.status >= 400:
            target.temporary.remove(path)
            raise Failed("Failure downloading %s, %s" % (url, reply.message()))
        web.save(reply, path, target)
    return path


def _scratch() -> str:
    """Archives may be larger than a /tmp in memory."""
    return "/var/tmp" if os.access("/var/tmp", os.W_OK) else "/tmp"


def _suffix(name: str) -> str:
    base = os.path.basename(str(name))
    return "." + base.split(".", 1)[1] if "." in base else ""


def _forget(args: Mapping[str, Any], target: Target, source: str) -> None:
    if args.get("_content") or "://" in str(args["src"]):
        target.temporary.remove(source)


def _attribute_change(args: Mapping[str, Any], names: List[str], dest: str) -> Optional[Change]:
    """Owner and mode that the task asks for, on everything that came out of the archive."""
    want = attributes.wanted(args)
    if not want.any():
        return None
    paths: Set[str] = {os.path.join(dest, name).rstrip("/") for name in names}
    paths |= {os.path.join(dest, name.split("/")[0]) for name in names if "/" in name}
    changes: Dict[str, Optional[Change]] = {
        path: attributes.look(path, want) for path in sorted(paths) if os.path.lexists(path)
    }
    return together("attributes", list(changes.values()))
