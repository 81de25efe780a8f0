"""Everything the system knows about a path."""

from __future__ import annotations

import os
import stat
from typing import Any, Dict, Mapping

from provision.agent import flags
from provision.agent.attributes import group_name, user_name
from provision.agent.change import Answer, Unchanged
from provision.agent.errors import Failed
from provision.agent.files import hashes
from provision.agent.target import Target

_BITS = {
    "wusr": stat.S_IWUSR,
    "rusr": stat.S_IRUSR,
    "xusr": stat.S_IXUSR,
    "wgrp": stat.S_IWGRP,
    "rgrp": stat.S_IRGRP,
    "xgrp": stat.S_IXGRP,
    "woth": stat.S_IWOTH,
    "roth": stat.S_IROTH,
    "xoth": stat.S_IXOTH,
    "isuid": stat.S_ISUID,
    "isgid": stat.S_ISGID,
}


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """Nothing changes: `stat` is what was seen."""
    path = args["path"]
    try:
        status = os.stat(path) if args["follow"] else os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Unchanged({"stat": {"exists": False}})
    except OSError as error:
        raise Failed(str(error)) from error
    found = _numbers(path, status)
    found.update(_access(path), **_link(path, status))
    if args["get_checksum"] and stat.S_ISREG(status.st_mode) and os.access(path, os.R_OK):
        found["checksum"] = hashes(path, args["checksum_algorithm"])[0]
    if args["get_mime"]:
        found.update(_mime(path, target))
    if args["get_attributes"]:
        found.update(_flags(path))
    return Unchanged({"stat": found})


def _numbers(path: str, status: os.stat_result) -> Dict[str, Any]:
    mode = status.st_mode
    return {
        "exists": True,
        "path": path,
        "mode": "%04o" % stat.S_IMODE(mode),
        "isdir": stat.S_ISDIR(mode),
        "ischr": stat.S_ISCHR(mode),
        "isblk": stat.S_ISBLK(mode),
        "isreg": stat.S_ISREG(mode),
        "isfifo": stat.S_ISFIFO(mode),
        "islnk": stat.S_ISLNK(mode),
        "issock": stat.S_ISSOCK(mode),
        "uid": status.st_uid,
        "gid": status.st_gid,
        "size": status.st_size,
        "inode": status.st_ino,
        "dev": status.st_dev,
        "nlink": status.st_nlink,
        "atime": status.st_atime,
        "mtime": status.st_mtime,
        "ctime": status.st_ctime,
        "blocks": status.st_blocks,
        "block_size": status.st_blksize,
        "device_type": status.st_rdev,
        "pw_name": user_name(status.st_uid),
        "gr_name": group_name(status.st_gid),
        **{name: bool(mode & bit) for name, bit in _BITS.items()},
    }


def _access(path: str) -> Dict[str, Any]:
    return {
        "readable": os.access(path, os.R_OK),
        "writeable": os.access(path, os.W_OK),
        "executable": os.access(path, os.X_OK),
    }


def _link(path: str, status: os.stat_result) -> Dict[str, Any]:
    if not stat.S_ISLNK(status.st_mode):
        return {}
    return {"lnk_source": os.path.realpath(path), "lnk_target": os.readlink(path)}


def _mime(path: str, target: Target) -> Dict[str, Any]:
    """What `file` says, where it is installed."""
    found = {"mimetype": "unknown", "charset": "unknown"}
    program = target.find("file")
    if program:
        kind, _, charset = target.query(program, "--brief", "--mime", path).stdout.strip().partition("; charset=")
        found = {"mimetype": kind or "unknown", "charset": charset or "unknown"}
    return found


def _flags(path: str) -> Dict[str, Any]:
    has = flags.read(path)
    if has is None:
        return {"version": None, "attr_flags": "", "attributes": []}
    return {"version": str(has.version), "attr_flags": has.letters(), "attributes": has.names()}
