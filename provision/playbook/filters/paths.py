"""Filters on the names of files and folders. They work on text; only a few look at the controller's disk."""

from __future__ import annotations

import ntpath
import os.path
from glob import glob
from pathlib import Path
from typing import Any


def path_join(parts: Any) -> str:
    joined: str = parts if isinstance(parts, str) else os.path.join(*parts)  # noqa: PTH118
    return joined


def commonpath(paths: Any) -> str:
    if isinstance(paths, str):
        raise TypeError("commonpath takes a list of paths")
    common: str = os.path.commonpath(paths)
    return common


def relpath(path: str, start: str = os.curdir) -> str:
    return os.path.relpath(path, start)


def fileglob(pattern: str) -> list[str]:
    """The files on the controller that match."""
    return [name for name in glob(pattern) if Path(name).is_file()]  # noqa: PTH207


FILTERS = {
    "basename": os.path.basename,
    "dirname": os.path.dirname,
    "expanduser": os.path.expanduser,
    "expandvars": os.path.expandvars,
    "realpath": os.path.realpath,
    "relpath": relpath,
    "splitext": os.path.splitext,
    "normpath": os.path.normpath,
    "path_join": path_join,
    "commonpath": commonpath,
    "fileglob": fileglob,
    "win_basename": ntpath.basename,
    "win_dirname": ntpath.dirname,
    "win_splitdrive": ntpath.splitdrive,
}
