"""Mode, owner, group and chattr flags of a path: how they differ from what is wanted, and how to set them."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
from typing import Any, Dict, Mapping, NamedTuple, Optional

from provision.agent import flags
from provision.agent.change import Change
from provision.agent.errors import Failed

_CLAUSE = re.compile(r"^([ugoa]*)((?:[-+=][rwxXstugo]*)+)$")
_OPERATION = re.compile(r"([-+=])([rwxXstugo]*)")
_SHIFT = {"u": 6, "g": 3, "o": 0}


class Wanted(NamedTuple):
    """The file arguments that every file module has; None means leave as it is."""

    mode: Any = None
    owner: Optional[str] = None
    group: Optional[str] = None
    flags: Optional[str] = None

    def any(self) -> bool:
        """Whether anything is asked for."""
        return any(value is not None for value in self)


def wanted(args: Mapping[str, Any]) -> Wanted:
    """From a module's arguments."""
    return Wanted(args.get("mode"), args.get("owner"), args.get("group"), args.get("attributes"))


def look(path: str, want: Wanted, status: Optional[os.stat_result] = None) -> Optional[Change]:
    """The Change that gives an existing path these attributes; of a symbolic link, its owner only."""
    status = status or os.lstat(path)
    before: Dict[str, Any] = {}
    after: Dict[str, Any] = {}
    _differ_mode(path, want, status, before, after)
    uid = -1 if want.owner is None else user_id(want.owner, path)
    gid = -1 if want.group is None else group_id(want.group, path)
    if uid not in (-1, status.st_uid):
        before["owner"], after["owner"] = status.st_uid, uid
    if gid not in (-1, status.st_gid):
        before["group"], after["group"] = status.st_gid, gid
    _differ_flags(path, want, before, after)
    if not after:
        return None

    def perform() -> None:
        set_attributes(path, want)

    return Change("set %s of %s" % (", ".join(after), path), perform, {"path": path, **before}, {"path": path, **after})


def set_attributes(path: str, want: Wanted) -> None:
    """Make it so. Owner first: chown clears set-id bits."""
    status = os.lstat(path)
    uid = -1 if want.owner is None else user_id(want.owner, path)
    gid = -1 if want.group is None else group_id(want.group, path)
    if uid not in (-1, status.st_uid) or gid not in (-1, status.st_gid):
        try:
            os.lchown(path, uid, gid)
        except OSError as error:
            raise Failed("chown failed: %s" % error.strerror, path=path) from error
    if want.mode is not None and not stat.S_ISLNK(status.st_mode):
        mode = mode_bits(want.mode, status, path)
        try:
            os.chmod(path, mode)
        except OSError as error:
            raise Failed("chmod failed: %s" % error.strerror, path=path, details=str(error)) from error
    if want.flags:
        flags.write(path, want.flags)


def mode_bits(mode: Any, status: os.stat_result, path: str = "") -> int:
    """A mode as number: from a number, octal digits, or symbols relative to what the path has."""
    if isinstance(mode, bool) or not isinstance(mode, (int, str)):
        raise Failed("mode must be in octal or symbolic form", path=path, details="%r" % (mode,))
    bits = mode if isinstance(mode, int) else _parsed(mode, status, path)
    if bits != stat.S_IMODE(bits):
        raise Failed("Invalid mode supplied, only permission info is allowed", path=path, details="%o" % bits)
    return bits


def user_id(name: str, path: str = "") -> int:
    """The number of a user, by name or number."""
    try:
        return int(name)
    except ValueError:
        pass
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError as error:
        raise Failed("chown failed: failed to look up user %s" % name, path=path) from error


def group_id(name: str, path: str = "") -> int:
    """The number of a group, by name or number."""
    try:
        return int(name)
    except ValueError:
        pass
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise Failed("chgrp failed: failed to look up group %s" % name, path=path) from error


def describe(path: str) -> Dict[str, Any]:
    """What Ansible adds to every result that names a path: owner, mode, size, state. Empty when there is nothing."""
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            os.stat(path)  # a dangling link counts as nothing, as in Ansible
    except OSError:
        return {}
    return {
        "uid": status.st_uid,
        "gid": status.st_gid,
        "owner": user_name(status.st_uid),
        "group": group_name(status.st_gid),
        "mode": "0%03o" % stat.S_IMODE(status.st_mode),
        "state": state_of(status),
        "size": status.st_size,
    }


def state_of(status: os.stat_result) -> str:
    """Ansible's word for a kind of file."""
    if stat.S_ISLNK(status.st_mode):
        return "link"
    if stat.S_ISDIR(status.st_mode):
        return "directory"
    return "hard" if status.st_nlink > 1 else "file"


def user_name(uid: int) -> str:
    """The name of a user, or the number as text."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """The name of a group, or the number as text."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def newborn() -> os.stat_result:
    """What a file has that is made now."""
    mode = stat.S_IFREG | 0o666 & ~current_umask()
    return os.stat_result((mode, 0, 0, 1, os.geteuid(), os.getegid(), 0, 0, 0, 0))


def current_umask() -> int:
    """The umask, which can be read by setting it only."""
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _differ_mode(
    path: str, want: Wanted, status: os.stat_result, before: Dict[str, Any], after: Dict[str, Any]
) -> None:
    if want.mode is None or stat.S_ISLNK(status.st_mode):
        return
    has, wants = stat.S_IMODE(status.st_mode), mode_bits(want.mode, status, path)
    if has != wants:
        before["mode"], after["mode"] = "0%03o" % has, "0%03o" % wants


def _differ_flags(path: str, want: Wanted, before: Dict[str, Any], after: Dict[str, Any]) -> None:
    has = flags.read(path) if want.flags else None
    if want.flags and has is None:
        raise Failed("chattr failed: the file system has no flags", path=path)
    if want.flags and has is not None and flags.wanted_bits(path, want.flags, has.bits) != has.bits:
        before["attributes"], after["attributes"] = has.letters(), want.flags


def _parsed(mode: str, status: os.stat_result, path: str) -> int:
    try:
        return int(mode, 8)
    except ValueError:
        return _symbolic(mode, status, path)


def _symbolic(mode: str, status: os.stat_result, path: str) -> int:
    bits = stat.S_IMODE(status.st_mode)
    for clause in mode.split(","):
        matched = _CLAUSE.match(clause)
        if not matched:
            raise Failed(
                "mode must be in octal or symbolic form",
                path=path,
                details="bad symbolic permission for mode: %s" % clause,
            )
        for operator, letters in _OPERATION.findall(matched.group(2)):
            bits = _applied(bits, matched.group(1), operator, letters, stat.S_ISDIR(status.st_mode))
    return bits


def _applied(bits: int, users: str, operator: str, letters: str, is_folder: bool) -> int:
    everybody = users in ("", "a") or "a" in users
    mask = 0o7777 & ~current_umask() if not users else 0o7777
    before = bits
    for user in "ugo" if everybody else users:
        granted = _granted(before, user, letters, is_folder)
        granted &= mask | 0o7000
        if operator == "+":
            bits |= granted
        elif operator == "-":
            bits &= ~granted
        else:
            own = (0o7 << _SHIFT[user]) | {"u": stat.S_ISUID, "g": stat.S_ISGID, "o": stat.S_ISVTX}[user]
            bits = (bits & ~own) | granted
    return bits


def _granted(bits: int, user: str, letters: str, is_folder: bool) -> int:
    """The bits that `letters` mean for one of user, group, others."""
    shift = _SHIFT[user]
    granted = 0
    for letter in letters:
        if letter in "rwx":
            granted |= {"r": 4, "w": 2, "x": 1}[letter] << shift
        elif letter == "X" and (is_folder or bits & 0o111):
            granted |= 1 << shift
        elif letter == "s":
            granted |= {"u": stat.S_ISUID, "g": stat.S_ISGID, "o": 0}[user]
        elif letter == "t" and user == "o":
            granted |= stat.S_ISVTX
        elif letter in "ugo":
            granted |= ((bits >> _SHIFT[letter]) & 0o7) << shift
    return granted
