"""Puts files in place: from the controller (`_content`, `_tree`), or from this machine (`remote_src`)."""

from __future__ import annotations

import os
import stat
from typing import Any, List, Mapping, NamedTuple, Optional

from provision.agent import attributes, folders
from provision.agent.attributes import Wanted
from provision.agent.change import Answer, Change, Unchanged, Values, together
from provision.agent.contents import wanted
from provision.agent.errors import Failed
from provision.agent.files import hashes, place, shown, shown_file, suffix_of
from provision.agent.modules import copy_tree
from provision.agent.target import Target


class Source(NamedTuple):
    """The file that is wanted: a content of the controller, or a path here. `mode` is what the original has."""

    digest: str
    size: int
    path: str = ""
    mode: Any = None


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """Compare content by SHA-256, then attributes."""
    if args.get("_tree") is not None:
        return copy_tree.look(args, target)
    if args.get("_content"):
        want = wanted(args["_content"])
        return _look_file(args, target, Source(want.digest, want.size, "", args.get("_source_mode")))
    if not args.get("src"):
        raise Failed("src (or content) is required")
    source = str(args["src"])
    if not os.path.exists(source):
        raise Failed("Source %s not found" % source)
    if os.path.isdir(source):
        return copy_tree.look({**args, "_tree": copy_tree.entries(args)}, target)
    return _look_file(args, target, _here(source))


def _here(path: str) -> Source:
    if not os.path.isfile(path):
        raise Failed("Cannot copy invalid source '%s': not a file" % path)
    if not os.access(path, os.R_OK):
        raise Failed("Source %s not readable" % path)
    status = os.stat(path)
    return Source(hashes(path, "sha256")[0], status.st_size, path, stat.S_IMODE(status.st_mode))


def _look_file(args: Mapping[str, Any], target: Target, source: Source) -> Answer:
    _check_source(args, source)
    dest = _destination(args, source)
    values: Values = {"dest": dest, "src": args.get("src")}
    if os.path.lexists(dest) and not args["force"]:
        return Unchanged({**values, "msg": "file already exists"})
    if source.path:
        values["checksum"] = hashes(source.path, "sha1")[0]
    want = attributes.wanted(args)
    if want.mode == "preserve":
        want = want._replace(mode=source.mode)
    elif want.mode is None and source.path and os.path.exists(dest):
        want = want._replace(mode=source.mode)  # as in Ansible, a file here brings its mode to one that it replaces
    folder = _folder_change(args, dest, target)
    if same_content(dest, source.digest, source.size):
        values["checksum"] = hashes(dest, "sha1")[0]
        change = attributes.look(dest, attributes.wanted(args) if args["mode"] is None else want)
        return together("copy", [change], **values) or Unchanged(values)
    return together("copy", [folder, _replacement(args, target, source, dest, want)], **values)


def _check_source(args: Mapping[str, Any], source: Source) -> None:
    if args.get("checksum") and source.path and hashes(source.path, "sha1")[0] != args["checksum"]:
        raise Failed(
            "Copied file does not match the expected checksum. Transfer failed.",
            checksum=hashes(source.path, "sha1")[0],
            expected_checksum=args["checksum"],
        )


def _destination(args: Mapping[str, Any], source: Source) -> str:
    """Where the file goes: into a folder when `dest` is one, past a link when `follow` says so."""
    dest = str(args["dest"])
    name = args.get("_original_basename") or os.path.basename(str(args.get("src") or ""))
    if dest.endswith("/") or os.path.isdir(dest):
        if not name:
            raise Failed("can not use content with a dir as dest")
        dest = os.path.join(dest, os.path.basename(name))
    if os.path.isdir(dest) and not os.path.islink(dest):
        raise Failed("the destination %s is a folder" % dest)
    return os.path.realpath(dest) if args["follow"] and os.path.islink(dest) else dest


def _folder_change(args: Mapping[str, Any], dest: str, target: Target) -> Optional[Change]:
    """The folders that a `dest` with a final slash brings along."""
    folder = os.path.dirname(dest) or "."
    if os.path.isdir(folder):
        return None
    if str(args["dest"]).endswith("/"):
        want = attributes.wanted(args)._replace(mode=args.get("directory_mode"))
        return folders.create(folder, want)
    if target.check and args.get("_content"):
        return None
    raise Failed("Destination directory %s does not exist" % folder)


def same_content(dest: str, digest: str, size: int) -> bool:
    """Whether a regular file at `dest` has that content; the size is compared first because it costs nothing."""
    try:
        status = os.lstat(dest)
    except OSError:
        return False
    if not stat.S_ISREG(status.st_mode) or status.st_size != size:
        return False
    return hashes(dest, "sha256")[0] == digest


def _replacement(args: Mapping[str, Any], target: Target, source: Source, dest: str, want: Wanted) -> Change:
    before = shown_file(dest) if target.diff else None
    after = _shown_source(target, source) if target.diff else None

    def perform() -> Values:
        return put(target, source, dest, want, args)

    return Change("write %s" % dest, perform, before, after, dest, dest)


def put(target: Target, source: Source, dest: str, want: Wanted, args: Mapping[str, Any]) -> Values:
    """Fetch the content, and move it to its place."""
    folder = os.path.dirname(dest) or "."
    try:
        if source.path:
            temporary = target.temporary.copy(source.path, folder, suffix_of(dest))
        else:
            temporary = target.content_file(wanted(source._asdict()), folder, suffix_of(dest))
    except OSError as error:
        raise Failed("Destination %s not writable: %s" % (folder, error.strerror)) from error
    sha1, md5 = _checksums(temporary)
    if args.get("checksum") and sha1 != args["checksum"]:
        target.temporary.remove(temporary)
        raise Failed(
            "Copied file does not match the expected checksum. Transfer failed.",
            checksum=sha1,
            expected_checksum=args["checksum"],
        )
    values = place(target, temporary, dest, want, args["validate"], args["backup"], args["unsafe_writes"])
    return {**values, "checksum": sha1, "md5sum": md5}


def _checksums(path: str) -> List[Optional[str]]:
    try:
        return list(hashes(path, "sha1", "md5"))
    except ValueError:  # a FIPS machine has no md5
        return [hashes(path, "sha1")[0], None]


def _shown_source(target: Target, source: Source) -> str:
    if source.path:
        return shown_file(source.path)
    if source.size > 1 << 20:
        return "(%d bytes: larger than what is shown)\n" % source.size
    return shown(target.read_content(wanted(source._asdict())))
