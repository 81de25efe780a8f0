"""Reading files for comparison, and putting new ones in place so that nobody ever sees half of one."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from typing import Any, Dict, Mapping, Optional, Tuple

from provision.agent import attributes
from provision.agent.attributes import Wanted
from provision.agent.errors import Failed
from provision.agent.process import words
from provision.agent.target import Target, failed

SHOWN = 104448
"""Bytes up to which a file is shown in a diff, as Ansible has it."""


def hashes(path: str, *names: str) -> Tuple[str, ...]:
    """Several digests of a file, read once."""
    found = [_new_hash(name) for name in names]
    with open(path, "rb") as file:
        while True:
            piece = file.read(1 << 20)
            if not piece:
                return tuple(one.hexdigest() for one in found)
            for one in found:
                one.update(piece)


def hashes_of(data: bytes, *names: str) -> Tuple[str, ...]:
    """Several digests of bytes."""
    return tuple(_new_hash(name, data).hexdigest() for name in names)


def shown(data: bytes) -> str:
    """Bytes as a diff shows them: the text, or a line that stands for it."""
    if len(data) > SHOWN:
        return "(%d bytes: larger than the %d that are shown)\n" % (len(data), SHOWN)
    if b"\0" in data[:8192]:
        return "(%d bytes that are no text)\n" % len(data)
    return data.decode("utf-8", "replace")


def shown_file(path: str) -> str:
    """A file as a diff shows it; "" when there is none."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            return shown(file.read()) if size <= SHOWN else "(%d bytes: larger than what is shown)\n" % size
    except OSError:
        return ""


def lines_diff(path: str, before: bytes, after: bytes, what: str = "content") -> Dict[str, Any]:
    """Header and texts of a Change of a text file."""
    header = "%s (%s)" % (path, what)
    return {"before": shown(before), "after": shown(after), "before_header": header, "after_header": header}


def write(
    target: Target,
    path: str,
    data: bytes,
    want: Wanted = Wanted(),
    validate: Optional[str] = None,
    backup: bool = False,
    unsafe: bool = False,
) -> Dict[str, Any]:
    """Put bytes at a path in one step; attributes come with it. Gives `backup_file` when one was made."""
    temporary = _beside(target, path)
    target.temporary.fill(temporary, data)
    return place(target, temporary, path, want, validate, backup, unsafe)


def place(
    target: Target,
    temporary: str,
    path: str,
    want: Wanted = Wanted(),
    validate: Optional[str] = None,
    backup: bool = False,
    unsafe: bool = False,
) -> Dict[str, Any]:
    """Move a complete temporary file to its path, with the attributes it will have and after validation."""
    try:
        _inherit(temporary, path)
        attributes.set_attributes(temporary, want)
        if validate:
            run_validation(target, validate, temporary)
        values = {"backup_file": make_backup(target, path)} if backup and os.path.exists(path) else {}
        _rename(temporary, path, unsafe)
    except BaseException:
        target.temporary.remove(temporary)
        raise
    target.temporary.moved(temporary)
    return values


def run_validation(target: Target, validate: str, path: str) -> None:
    """The user's own check of a file before it counts."""
    if "%s" not in validate:
        raise Failed("validate must contain %%s: %s" % validate)
    argv = words(validate.replace("%s", _shell_quoted(path)))
    completed = target.run(argv)
    if completed.rc:
        raise failed(argv, completed, "failed to validate").with_values(exit_status=completed.rc)


def make_backup(target: Target, path: str) -> str:
    """A copy beside the file, named as Ansible names it."""
    stamp = time.strftime("%Y-%m-%d@%H:%M:%S~", time.localtime())
    backup = "%s.%d.%s" % (path, os.getpid(), stamp)
    temporary = target.temporary.copy(path, os.path.dirname(path) or ".")
    _copy_status(path, temporary)
    status = os.stat(path)
    os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.rename(temporary, backup)
    target.temporary.moved(temporary)
    return backup


def suffix_of(path: str) -> str:
    """The part after the last dot, which some validators look at."""
    return os.path.splitext(path)[1]


def read_or_none(path: str) -> Optional[bytes]:
    """A file's bytes; None when there is no such file."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def path_values(result: Mapping[str, Any]) -> Dict[str, Any]:
    """What every result that names a path carries besides, as Ansible's exit_json adds it."""
    path = result.get("path", result.get("dest"))
    return attributes.describe(path) if isinstance(path, str) else {}


def _beside(target: Target, path: str) -> str:
    folder = os.path.dirname(path) or "."
    try:
        return target.temporary.make(folder, suffix=suffix_of(path))
    except OSError as error:
        raise Failed(
            "The destination directory (%s) is not writable by the current user. Error was: %s"
            % (folder, error.strerror)
        ) from error


def _inherit(temporary: str, path: str) -> None:
    """What the file that is there has, or what a newly created one would get."""
    if os.path.isfile(path) and not os.path.islink(path):
        _copy_status(path, temporary)
        return
    os.chmod(temporary, 0o666 & ~attributes.current_umask())


def _copy_status(source: str, path: str) -> None:
    status = os.stat(source)
    try:
        os.chown(path, status.st_uid, status.st_gid)
    except PermissionError:
        pass  # only root gives files away; Ansible goes on as well
    os.chmod(path, stat.S_IMODE(status.st_mode))
    try:
        for name in os.listxattr(source):
            os.setxattr(path, name, os.getxattr(source, name))
    except OSError:
        pass  # a file system without extended attributes, or ones that only the kernel sets


def _rename(temporary: str, path: str, unsafe: bool) -> None:
    try:
        os.rename(temporary, path)
    except OSError as error:
        if not unsafe or error.errno not in (errno.EBUSY, errno.EPERM, errno.EACCES, errno.ETXTBSY):
            raise Failed("Could not replace file: %s to %s: %s" % (temporary, path, error.strerror)) from error
        _overwrite(temporary, path)


def _overwrite(temporary: str, path: str) -> None:
    """Only on the user's word (`unsafe_writes`): a file that is a mount point cannot be renamed over."""
    with open(temporary, "rb") as reader, open(path, "wb") as writer:
        writer.write(reader.read())
    os.unlink(temporary)


def _new_hash(name: str, data: bytes = b"") -> Any:
    return hashlib.new(name, data)


def _shell_quoted(path: str) -> str:
    import shlex

    return shlex.quote(path)
