"""The guest agent: runs inside a machine, makes its host keys and users, and publishes what the cloud reads.

Baked into the image as one file and started by systemd; standard library only. It does for a container what Google's
guest agent does for a VM: accounts from the `ssh-keys` metadata, guest attributes with the host keys, startup script.
"""

from __future__ import annotations

import datetime
import grp
import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

SETTINGS = Path("/etc/provision-machine")
MANAGED = "# Added by Google"
SUDOERS = "google-sudoers"


def main(arguments: list[str]) -> int:
    """`boot` at every start, `accounts` when the metadata has changed, `startup-script` after the boot."""
    actions = {"boot": boot, "accounts": accounts, "startup-script": startup_script}
    if len(arguments) != 1 or arguments[0] not in actions:
        return 2
    return actions[arguments[0]]()


def boot() -> int:
    """What must be there before sshd answers, in the order in which others wait for it."""
    make_host_keys()
    accounts()
    publish_host_keys()
    tell("GCE Agent Started")
    return 0


def accounts() -> int:
    """Create the users of the metadata and give them exactly the keys it names; others lose theirs."""
    wanted = parse_keys(attributes().get("ssh-keys", ""), datetime.datetime.now(datetime.timezone.utc))
    for user in sorted(set(wanted) | set(managed_users())):
        if ensure_user(user):
            write_keys(user, wanted.get(user, []))
    return 0


def startup_script() -> int:
    """Run the `startup-script` of the metadata, as Google does at every boot."""
    script = attributes().get("startup-script", "")
    if not script:
        return 0
    done = subprocess.run(
        ["/bin/sh", "-s"] if not script.startswith("#!") else run_as_file(script), input=script, text=True
    )
    tell(f"startup-script exit status {done.returncode}")
    return 0


def run_as_file(script: str) -> list[str]:
    """A script with its own interpreter line must be a file."""
    path = Path("/run/provision-startup-script")
    path.write_text(script, encoding="utf-8")
    path.chmod(0o700)
    return [str(path)]


def attributes() -> dict[str, str]:
    """The instance's metadata as the cloud wrote it."""
    try:
        return dict(json.loads((SETTINGS / "metadata.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def parse_keys(text: str, now: datetime.datetime) -> dict[str, list[str]]:
    """`user:KEY comment` lines to keys by user; a `google-ssh` key past its `expireOn` is left out."""
    keys: dict[str, list[str]] = {}
    for line in text.splitlines():
        user, colon, key = line.strip().partition(":")
        if colon and valid_user(user) and len(key.split()) >= 2 and not expired(key, now):
            keys.setdefault(user, []).append(key)
    return keys


def valid_user(name: str) -> bool:
    """Whether useradd would take it; anything else in the metadata is left alone."""
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    return bool(name) and len(name) <= 32 and plain.isalnum() and plain.isascii() and name[0] not in "-.0123456789"


def expired(key: str, now: datetime.datetime) -> bool:
    """Whether a key of the form `... google-ssh {"userName": ..., "expireOn": ...}` is past its time."""
    _, found, tail = key.partition(" google-ssh ")
    if not found:
        return False
    try:
        until = datetime.datetime.strptime(json.loads(tail)["expireOn"], "%Y-%m-%dT%H:%M:%S%z")
    except (ValueError, KeyError, TypeError):
        return True
    return until < now


def managed_users() -> list[str]:
    """Users who were given keys before."""
    try:
        return (SETTINGS / "users").read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []


def ensure_user(user: str) -> bool:
    """Make the account if it is missing; False when there cannot be one."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        group = ["-g", user] if is_group(user) else []
        made = subprocess.run(["useradd", "-m", "-s", "/bin/bash", "-p", "*", *group, "--", user])
        if made.returncode != 0:
            tell(f"could not create the account {user}")
            return False
    subprocess.run(["gpasswd", "-a", user, SUDOERS], stdout=subprocess.DEVNULL, check=True)
    (SETTINGS / "users").write_text("".join(f"{name}\n" for name in sorted({*managed_users(), user})), encoding="utf-8")
    return True


def is_group(name: str) -> bool:
    """Whether the distribution has a group of that name, like `operator`: useradd wants to be told."""
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def write_keys(user: str, keys: list[str]) -> None:
    """Replace the keys that came from metadata; the ones that the user added stay."""
    entry = pwd.getpwnam(user)
    folder = Path(entry.pw_dir) / ".ssh"
    path = folder / "authorized_keys"
    lines = own_lines(path.read_text(encoding="utf-8") if path.exists() else "")
    for key in keys:
        lines += [MANAGED, key]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = folder / ".authorized_keys.provision"
    beside.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    beside.chmod(0o600)
    for made in (folder, beside):
        os.chown(made, entry.pw_uid, entry.pw_gid)
    beside.replace(path)


def own_lines(text: str) -> list[str]:
    """The lines that did not come from metadata: all but each marker and the key under it."""
    kept: list[str] = []
    skip = False
    for line in text.splitlines():
        if line == MANAGED:
            skip = True
        elif skip:
            skip = False
        else:
            kept.append(line)
    return kept


def make_host_keys() -> None:
    """Host keys of this machine's own, made at its first boot; ed25519 first because clients prefer it."""
    for kind in ("ed25519", "ecdsa"):
        path = Path(f"/etc/ssh/ssh_host_{kind}_key")
        if not path.exists():
            subprocess.run(
                ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", os.uname().nodename, "-f", str(path)], check=True
            )


def publish_host_keys() -> None:
    """Guest attributes `hostkeys/TYPE`, as files the cloud reads; complete or not there at all."""
    published = SETTINGS / "guest-attributes"
    beside = SETTINGS / "guest-attributes.new"
    shutil.rmtree(beside, ignore_errors=True)
    (beside / "hostkeys").mkdir(parents=True)
    for path in sorted(Path("/etc/ssh").glob("ssh_host_*_key.pub")):
        kind, key = path.read_text(encoding="utf-8").split()[:2]
        (beside / "hostkeys" / kind).write_text(key, encoding="utf-8")
    shutil.rmtree(published, ignore_errors=True)
    beside.rename(published)


def tell(text: str) -> None:
    """A line on the console, which is the serial port of this machine."""
    try:
        with Path("/dev/console").open("w", encoding="utf-8") as console:
            console.write(f"google_guest_agent[{os.getpid()}]: {text}\r\n")
    except OSError:
        sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
