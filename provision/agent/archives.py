"""Archives for the module unarchive: tar through GNU tar, which compares; zip in Python, which targets always have."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import time
import zipfile
import zlib
from typing import Any, Dict, List, Mapping, Protocol

from provision.agent.attributes import current_umask
from provision.agent.errors import Failed
from provision.agent.process import quoted
from provision.agent.target import Target, failed

# What `tar --diff` prints, as Ansible reads it.
_DIFFERS = re.compile(
    r": (Mod time differs|Contents differ|Size differs|Symlink differs|Invalid owner|Invalid group|Not linked to .*)$"
    r"|: Warning: Cannot stat: No such file or directory$"
    r"|: Cannot stat: No such file or directory$|: File type differs$"
)
_ESCAPES = dict(
    zip((b"a", b"b", b"f", b"n", b"r", b"t", b"v", b"\\"), (b"\a", b"\b", b"\f", b"\n", b"\r", b"\t", b"\v", b"\\"))
)
_MODE, _OWNER, _GROUP = (re.compile(": %s differs$" % word) for word in ("Mode", "Uid", "Gid"))


class Archive(Protocol):
    """What unarchive needs of an archive."""

    handler: str
    checkable: bool

    def names(self) -> List[str]:
        """What is in it, after include and exclude."""

    def is_unpacked(self) -> bool:
        """Whether all of it is there already."""

    def unpack(self) -> Dict[str, Any]:
        """Unpack it; what the program said."""


def opened(source: str, dest: str, args: Mapping[str, Any], target: Target) -> Archive:
    """The archive at `source`, whatever it is named."""
    with open(source, "rb") as file:
        start = file.read(6)
    if start.startswith(b"PK"):
        return Zip(source, dest, args)
    kinds = ((b"\x1f\x8b", "-z", "TgzArchive"), (b"BZh", "-j", "TarBzipArchive"), (b"\xfd7zXZ\0", "-J", "TarXzArchive"))
    for magic, option, handler in kinds:
        if start.startswith(magic):
            return Tar(source, dest, args, target, option, handler)
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        target.need("zstd")
        return Tar(source, dest, args, target, "--use-compress-program=zstd", "TarZstdArchive")
    return Tar(source, dest, args, target, "", "TarArchive")


class Tar:
    """A tar archive. GNU tar itself says what differs from what is there."""

    checkable = False

    def __init__(
        self, source: str, dest: str, args: Mapping[str, Any], target: Target, option: str, handler: str
    ) -> None:
        self.handler = handler
        self._source, self._dest, self._args, self._target = source, dest, args, target
        self._option = option
        self._program = target.find("gtar") or target.need("tar")
        self._names: List[str] = []

    def names(self) -> List[str]:
        """Listed once."""
        if not self._names:
            completed = self._target.query(*self._command("--list", compare=False))
            if completed.rc:
                msg = 'Failed to find handler for "%s". The program that unpacks it may be missing.'
                raise failed(self._command("--list"), completed, msg % self._source)
            self._names = [_unquoted(name).lstrip("/") for name in completed.stdout.splitlines()]
        return self._names

    def is_unpacked(self) -> bool:
        """No line of `tar --diff` tells of something that unpacking would change."""
        self.names()
        completed = self._target.query(*self._command("--diff"))
        lines = completed.stdout.splitlines() + completed.stderr.splitlines()
        return not any(self._counts(line) for line in lines)

    def unpack(self) -> Dict[str, Any]:
        """Extract everything."""
        argv = self._command("--extract")
        completed = self._target.query(*argv)
        values = {"cmd": argv, "rc": completed.rc, "out": completed.stdout, "err": completed.stderr}
        if completed.rc:
            msg = "failed to unpack %s to %s: %s" % (self._args["src"], self._dest, completed.stderr.strip())
            raise Failed(msg, handler=self.handler, extract_results=values, dest=self._dest, src=self._args["src"])
        return values

    def _counts(self, line: str) -> bool:
        if _DIFFERS.search(line):
            return True
        if os.getuid() == 0 and not self._args["owner"] and _OWNER.search(line):
            return True
        if os.getuid() == 0 and not self._args["group"] and _GROUP.search(line):
            return True
        return self._args["mode"] is None and bool(_MODE.search(line))

    def _command(self, verb: str, compare: bool = True) -> List[str]:
        args = self._args
        argv = [self._program, verb, "-C", self._dest]
        argv += [self._option] if self._option else []
        argv += ["--show-transformed-names", *args["extra_opts"]] if args["extra_opts"] else []
        if compare:
            argv += ["--owner=%s" % args["owner"]] if args["owner"] else []
            argv += ["--group=%s" % args["group"]] if args["group"] else []
            argv += ["--keep-newer-files"] if args["keep_newer"] else []
        argv += ["--exclude=%s" % name.rstrip("/") for name in args["exclude"]]
        return [*argv, "-f", self._source, *args["include"]]


class Zip:
    """A zip archive: type, size, checksum and mode of every member are compared."""

    handler = "ZipArchive"
    checkable = True

    def __init__(self, source: str, dest: str, args: Mapping[str, Any]) -> None:
        self._dest, self._args = dest, args
        if args["extra_opts"]:
            raise Failed("extra_opts is refused for a zip archive: no program is started that could take them")
        try:
            self._file = zipfile.ZipFile(source)
        except zipfile.BadZipFile as error:
            raise Failed("'%s' is no zip archive: %s" % (args["src"], error)) from error
        self._links = [self._place(member) for member in self._file.infolist() if _is_link(member)]

    def names(self) -> List[str]:
        """All members that are wanted."""
        return [member.filename for member in self._members()]

    def is_unpacked(self) -> bool:
        """Member by member."""
        return all(self._same(member) for member in self._members())

    def unpack(self) -> Dict[str, Any]:
        """Write what differs, with its mode and time."""
        members = [member for member in self._members() if not self._same(member)]
        for member in members:
            self._extract(member)
        return {"rc": 0, "out": "", "err": "", "cmd": "zipfile: %s" % quoted([one.filename for one in members])}

    def _members(self) -> List[zipfile.ZipInfo]:
        include, exclude = self._args["include"], self._args["exclude"]
        return [
            member
            for member in self._file.infolist()
            if (not include or any(fnmatch.fnmatch(member.filename, one) for one in include))
            and not any(fnmatch.fnmatch(member.filename, one) for one in exclude)
        ]

    def _same(self, member: zipfile.ZipInfo) -> bool:
        path = self._path(member)
        try:
            status = os.lstat(path)
        except OSError:
            return False
        if member.is_dir():
            return stat.S_ISDIR(status.st_mode)
        if _is_link(member):
            return stat.S_ISLNK(status.st_mode) and os.readlink(path).encode() == self._file.read(member)
        if not stat.S_ISREG(status.st_mode):
            return False
        if self._args["keep_newer"] and status.st_mtime > _time(member):
            return True
        mode = _mode(member)
        if self._args["mode"] is None and mode and stat.S_IMODE(status.st_mode) != mode & ~current_umask():
            return False
        return status.st_size == member.file_size and _crc(path) == member.CRC

    def _extract(self, member: zipfile.ZipInfo) -> None:
        path = self._path(member)
        if member.is_dir():
            os.makedirs(path, exist_ok=True)
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.isdir(path) and not os.path.islink(path):
            raise Failed("a folder is where the archive has a file: %s" % path)
        if os.path.lexists(path):
            os.unlink(path)
        if _is_link(member):
            os.symlink(self._file.read(member).decode(), path)
            return
        with self._file.open(member) as reader, open(path, "wb") as writer:
            while True:
                piece = reader.read(1 << 18)
                if not piece:
                    break
                writer.write(piece)
        if _mode(member):
            os.chmod(path, _mode(member) & ~current_umask())
        os.utime(path, (_time(member), _time(member)))

    def _path(self, member: zipfile.ZipInfo) -> str:
        """Never outside of `dest`, whatever the archive says."""
        path = self._place(member)
        if path != self._dest and not path.startswith(self._dest.rstrip("/") + "/"):
            raise Failed("the archive wants to write outside of dest: %s" % member.filename)
        if any(path.startswith(link + "/") for link in self._links):
            raise Failed("the archive wants to write through its own link: %s" % member.filename)
        return path

    def _place(self, member: zipfile.ZipInfo) -> str:
        return os.path.normpath(os.path.join(self._dest, member.filename.lstrip("/")))


def _unquoted(name: str) -> str:
    """A name as it is on the disk: GNU tar lists bytes that are not ASCII as octal escapes, and backslashes doubled."""
    plain = re.sub(rb"\\([0-7]{3}|[abfnrtv\\])", _unescaped, name.encode(errors="surrogateescape"))
    return os.fsdecode(plain)


def _unescaped(match: "re.Match[bytes]") -> bytes:
    word = match.group(1)
    return bytes([int(word, 8)]) if len(word) == 3 else _ESCAPES[word]


def _mode(member: zipfile.ZipInfo) -> int:
    return stat.S_IMODE(member.external_attr >> 16)


def _is_link(member: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(member.external_attr >> 16)


def _time(member: zipfile.ZipInfo) -> float:
    return time.mktime((*member.date_time, 0, 0, -1))


def _crc(path: str) -> int:
    found = 0
    with open(path, "rb") as file:
        while True:
            piece = file.read(1 << 18)
            if not piece:
                return found
            found = zlib.crc32(piece, found)
