"""A folder with everything in it, as one task: look at all files first, then ask for what lacks in one go."""

from __future__ import annotations

import os
import stat
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional

from provision.agent import attributes, folders
from provision.agent.attributes import Wanted
from provision.agent.change import Answer, Change, Unchanged, Values, together
from provision.agent.contents import wanted
from provision.agent.errors import Failed
from provision.agent.files import hashes, hashes_of, place, shown, shown_file
from provision.agent.target import Target


class Entry(NamedTuple):
    """One thing of the tree. `path` is relative to `dest`; `source` is a path here, for `remote_src`."""

    path: str
    kind: str = "file"
    digest: str = ""
    size: int = 0
    mode: Any = None
    target: str = ""
    source: str = ""


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """What differs of `_tree` under `dest`; nothing is removed that is there besides."""
    dest = str(args["dest"])
    tree = [Entry(**entry) for entry in args["_tree"]]
    for entry in tree:
        if os.path.isabs(entry.path) or ".." in entry.path.split("/"):
            raise Failed("a tree's paths lie under dest: %s" % entry.path)
    values = {"dest": dest, "src": args.get("src")}
    if args["remote_src"] and os.path.isdir(dest):
        values["dest"] = os.path.join(dest, os.path.basename(str(args["src"])))
    files = [entry for entry in tree if entry.kind == "file"]
    if len(files) == 1 and len(tree) == 1:
        values["dest"] = os.path.join(dest, files[0].path)
    parts: List[Optional[Change]] = list(_folder_changes(args, dest, tree))
    parts += [_link_change(os.path.join(dest, entry.path), entry) for entry in tree if entry.kind == "link"]
    parts += _file_changes(args, target, dest, files)
    return together("copy %d files" % len(files), parts, **values) or Unchanged(values)


def entries(args: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The tree of a folder on this machine, for `remote_src`: a final slash means what is in it, not itself."""
    source = str(args["src"])
    top = "" if source.endswith("/") else os.path.basename(source)
    found: List[Dict[str, Any]] = [_entry(source, top, True)] if top else []
    for folder, names, files in os.walk(source, followlinks=bool(args.get("local_follow", True))):
        inside = os.path.normpath(os.path.join(top, os.path.relpath(folder, source)))
        for name in sorted(names + files):
            path = os.path.join(folder, name)
            found.append(_entry(path, os.path.normpath(os.path.join(inside, name)), bool(args["local_follow"])))
        if not args.get("local_follow", True):
            names[:] = [name for name in names if not os.path.islink(os.path.join(folder, name))]
    return found


def _entry(path: str, inside: str, follow: bool) -> Dict[str, Any]:
    if os.path.islink(path) and not (follow and os.path.exists(path)):
        return {"path": inside, "kind": "link", "target": os.readlink(path)}
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        return {"path": inside, "kind": "directory", "mode": stat.S_IMODE(status.st_mode)}
    return {
        "path": inside,
        "digest": hashes(path, "sha256")[0],
        "size": status.st_size,
        "mode": stat.S_IMODE(status.st_mode),
        "source": path,
    }


def _folder_changes(args: Mapping[str, Any], dest: str, tree: List[Entry]) -> Iterator[Optional[Change]]:
    """Every folder that is named, or that a file needs; existing named ones get `directory_mode` and owner."""
    want = attributes.wanted(args)._replace(mode=args.get("directory_mode"))
    named = {entry.path: entry.mode if args["remote_src"] else None for entry in tree if entry.kind == "directory"}
    needed = {os.path.dirname(entry.path) for entry in tree} | {""}
    planned: "set[str]" = set()
    for path in sorted(needed | set(named)):
        folder = os.path.join(dest, path).rstrip("/")
        mode = named.get(path) if want.mode is None else want.mode
        change = folders.create(folder, want._replace(mode=mode), planned)
        planned.update(folders.missing(folder))
        if change:
            yield change
        elif path in named and os.path.isdir(folder):
            yield attributes.look(folder, want)


def _link_change(path: str, entry: Entry) -> Optional[Change]:
    if os.path.islink(path) and os.readlink(path) == entry.target:
        return None

    def perform() -> None:
        if os.path.isdir(path) and not os.path.islink(path):
            raise Failed("a folder is where a link shall be: %s" % path)
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(entry.target, path)

    return Change("link %s" % path, perform, {"path": path}, {"path": path, "state": "link", "src": entry.target})


def _file_changes(args: Mapping[str, Any], target: Target, dest: str, files: List[Entry]) -> List[Optional[Change]]:
    want = attributes.wanted(args)
    changes: List[Optional[Change]] = []
    lacking: List[Entry] = []
    for entry in files:
        path = os.path.join(dest, entry.path)
        if os.path.lexists(path) and not args["force"]:
            continue
        if _same(path, entry):
            changes.append(attributes.look(path, _for_entry(want, entry)))
        else:
            lacking.append(entry)
    return changes + ([_content_change(args, target, dest, lacking, want)] if lacking else [])


def _content_change(args: Mapping[str, Any], target: Target, dest: str, lacking: List[Entry], want: Wanted) -> Change:
    """All files that lack, as one Change: their contents are asked for together."""

    def perform() -> Values:
        wants = [
            (wanted(entry._asdict()), os.path.dirname(os.path.join(dest, entry.path)))
            for entry in lacking
            if not entry.source
        ]
        arriving = target.content_files(wants)
        values: Values = {}
        for entry in lacking:
            path = os.path.join(dest, entry.path)
            temporary = target.temporary.copy(entry.source, os.path.dirname(path)) if entry.source else next(arriving)
            checksum = hashes(temporary, "sha1")[0] if len(lacking) == 1 else ""
            placed = place(
                target,
                temporary,
                path,
                _for_new_entry(want, entry),
                args["validate"],
                args["backup"],
                args["unsafe_writes"],
            )
            values.update(placed, **({"checksum": checksum} if checksum else {}))
        return values

    diffs = tuple(_diff(target, os.path.join(dest, entry.path), entry) for entry in lacking) if target.diff else ()
    return Change("write %d files under %s" % (len(lacking), dest), perform, parts=diffs)


def _diff(target: Target, path: str, entry: Entry) -> Change:
    if entry.source:
        after = shown_file(entry.source)
    elif entry.size > 1 << 20:
        after = "(%d bytes: larger than what is shown)\n" % entry.size
    else:
        after = shown(target.read_content(wanted(entry._asdict())))
    return Change("write %s" % path, None, shown_file(path), after, path, path)


def _for_entry(want: Wanted, entry: Entry) -> Wanted:
    return want._replace(mode=entry.mode) if want.mode == "preserve" else want


def _for_new_entry(want: Wanted, entry: Entry) -> Wanted:
    """A file of this machine brings its mode along, unless another is asked for."""
    bring = want.mode == "preserve" or (want.mode is None and entry.source)
    return want._replace(mode=entry.mode) if bring else want


def _same(path: str, entry: Entry) -> bool:
    """As for a single file; small files are read at once, which is cheaper."""
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size != entry.size:
            return False
        if entry.size > 1 << 20:
            return hashes(path, "sha256")[0] == entry.digest
        with open(path, "rb") as file:
            return hashes_of(file.read(), "sha256")[0] == entry.digest
    except OSError:
        return False
