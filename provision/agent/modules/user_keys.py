"""The home of a user and the SSH key in it, for the module user."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Optional

from provision.agent.accounts import Account
from provision.agent.change import Change
from provision.agent.errors import Failed
from provision.agent.target import Target


def look(args: Mapping[str, Any], target: Target, account: Optional[Account]) -> Optional[Change]:
    """The Change that makes the key which `generate_ssh_key` asks for."""
    if not args["generate_ssh_key"]:
        return None
    path = _path(args, account)
    if path and os.path.exists(path) and not args["force"]:
        return None
    return Change("make SSH key of %s" % args["name"], lambda: _make(args, target))


def make_home(home: str, account: Account, skeleton: Optional[str], umask: Optional[str]) -> None:
    """A home with what the skeleton holds, all of it the user's own."""
    import shutil

    os.makedirs(os.path.dirname(home.rstrip("/")) or "/", exist_ok=True)
    source = skeleton or "/etc/skel"
    if os.path.isdir(source):
        shutil.copytree(source, home, symlinks=True)
    else:
        os.makedirs(home)
    os.chmod(home, 0o777 & ~int(umask or "022", 8))
    for folder, names, files in os.walk(home):
        for path in [folder, *(os.path.join(folder, name) for name in names + files)]:
            os.lchown(path, account.uid, account.gid)


def _path(args: Mapping[str, Any], account: Optional[Account]) -> str:
    if account is None:
        return ""
    file = args["ssh_key_file"] or ".ssh/id_%s" % args["ssh_key_type"]
    return str(file) if os.path.isabs(file) else os.path.join(account.home, file)


def _make(args: Mapping[str, Any], target: Target) -> Dict[str, Any]:
    import pwd

    entry = pwd.getpwnam(args["name"])
    account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_gecos, entry.pw_dir, entry.pw_shell)
    path = _path(args, account)
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        os.makedirs(folder, mode=0o700)
        os.chown(folder, account.uid, account.gid)
    if os.path.exists(path):
        os.unlink(path)
    target.must(*_keygen(args, target, path))
    for one in (path, path + ".pub"):
        os.chown(one, account.uid, account.gid)
    fingerprint = target.query(target.need("ssh-keygen"), "-l", "-f", path).stdout.strip()
    with open(path + ".pub") as file:
        public = file.read().strip()
    return {"ssh_key_file": path, "ssh_fingerprint": fingerprint, "ssh_public_key": public}


def _keygen(args: Mapping[str, Any], target: Target, path: str) -> List[str]:
    if args["ssh_key_passphrase"]:
        # On the command line every user of the machine could read it.
        raise Failed("ssh_key_passphrase is refused: ssh-keygen would take it on its command line")
    comment = args["ssh_key_comment"] or "ansible-generated on %s" % os.uname().nodename
    argv = [target.need("ssh-keygen"), "-q", "-t", args["ssh_key_type"], "-C", comment, "-f", path, "-N", ""]
    return argv + (["-b", str(args["ssh_key_bits"])] if args["ssh_key_bits"] else [])
