"""Symbolic and hard links, for the module file."""

from __future__ import annotations

import os
from typing import Any, Mapping, Optional

from provision.agent.change import Change
from provision.agent.errors import Failed


def source_of(path: str, args: Mapping[str, Any]) -> Optional[str]:
    """What a link shall point to: `src`, or what it points to already."""
    if args["src"] is None and args["follow"] and os.path.islink(path) and os.path.exists(path):
        return os.readlink(path)
    return str(args["src"]) if args["src"] is not None else None


def symbolic(path: str, source: Optional[str], force: bool, there: str) -> Optional[Change]:
    """The Change that makes the link; refuses to lose a file or a filled folder."""
    if source is None:
        if there != "link":
            raise Failed("src is required for creating new symlinks")
        return None
    _check_symbolic(path, source, force, there)
    before, after = {"path": path}, {"path": path}
    if there == "link":
        if os.readlink(path) == source:
            return None
        before["src"], after["src"] = os.readlink(path), source
    else:
        before["state"], after["state"] = there, "link"
    return Change("link %s to %s" % (path, source), lambda: _replace(path, source, there, os.symlink), before, after)


def hard(path: str, source: Optional[str], force: bool, follow: bool, there: str) -> Optional[Change]:
    """The Change that makes a hard link."""
    if source is None:
        if there != "hard":
            raise Failed("src is required for creating new hardlinks")
        return None
    if not os.path.exists(source):
        raise Failed("src does not exist", dest=path, src=source)
    if there in ("hard", "file") and os.path.samefile(path, source):
        return None
    if there in ("hard", "file") and not force:
        word = "different hard link" if there == "hard" else there
        raise Failed("Cannot link, %s exists at destination" % word, dest=path, src=source)
    if there == "directory":
        raise Failed("Cannot link: a folder is at the destination", dest=path, src=source)
    aim = os.path.realpath(source) if follow else source
    before, after = {"path": path, "state": there}, {"path": path, "state": "hard", "src": source}
    return Change("hard link %s to %s" % (path, source), lambda: _replace(path, aim, there, os.link), before, after)


def _check_symbolic(path: str, source: str, force: bool, there: str) -> None:
    base = path if there == "directory" else os.path.dirname(path)
    if not force and not os.path.exists(os.path.join(base, source)):
        raise Failed(
            'src file does not exist, use "force=yes" if you really want to create the link: %s'
            % os.path.join(base, source),
            path=path,
            src=source,
        )
    if there in ("directory", "file", "hard") and not force:
        raise Failed("refusing to convert from %s to symlink for %s" % (there, path), path=path)
    if there == "directory" and os.listdir(path):
        raise Failed("the directory %s is not empty, refusing to convert it" % path, path=path)


def _replace(path: str, source: str, there: str, make: Any) -> None:
    """Beside, then renamed over: the path is never missing."""
    part = os.path.join(os.path.dirname(path), ".%s.%d.part" % (os.path.basename(path), os.getpid()))
    try:
        if there == "absent":
            make(source, path)
            return
        if there == "directory":
            os.rmdir(path)
        make(source, part)
        os.rename(part, path)
    except OSError as error:
        if os.path.lexists(part):
            os.unlink(part)
        raise Failed("Error while linking: %s" % error, path=path) from error
