"""A machine of the embedded local cloud for tests that need a real systemd, sshd and apt."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fabric
import pytest

from provision.deploy import DeployOptions, deploy
from provision.inventory import Host, load
from provision.machines.clouds import open_cloud
from provision.machines.create import create_vm
from provision.machines.wish import Wish
from provision.model import Event, Result, Summary
from provision.settings import Folders
from provision.settings import load as load_settings
from provision.ssh.door import Completed, connect
from provision.ssh.target import target_from

ANSIBLE = Path(sys.executable).parent / "ansible-playbook"

needs_docker = pytest.mark.skipif(
    shutil.which("docker") is None
    or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0,
    reason="no Docker Engine answers here",
)


@dataclass(frozen=True)
class Lab:
    """One machine, and the folders of the installation that made it."""

    name: str
    folders: Folders

    @property
    def inventory(self) -> str:
        """Where create-vm wrote it down."""
        return str(self.folders.inventory)

    @property
    def host(self) -> Host:
        """The machine as the inventory has it."""
        return load([self.inventory]).hosts[self.name]

    def run(self, command: str) -> Completed:
        """Run a command there as root."""
        door = connect(target_from(self.name, self.host.vars))
        try:
            return door.run(f"sudo -n sh -c {_quoted(command)}")
        finally:
            door.close()

    def out(self, command: str) -> str:
        """What a command that must work prints."""
        done = self.run(command)
        assert done.exit_code == 0, (command, done)
        return done.stdout.strip()

    def eventually(self, command: str, wanted: str, seconds: float = 30) -> None:
        """Repeat the command until it prints what is wanted; the machine may be booting meanwhile."""
        deadline, said = time.monotonic() + seconds, ""
        while time.monotonic() < deadline:
            try:
                said = self.run(command).stdout.strip()
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
            if said == wanted:
                return
            time.sleep(0.5)
        raise AssertionError(f"{command}: {said!r} after {seconds} s, wanted {wanted!r}")

    def connection(self) -> fabric.Connection:
        """The operator's own Fabric connection to it, as a fabfile has one."""
        known = self.host.vars
        key = str(known["ansible_ssh_private_key_file"])
        return fabric.Connection(known["ansible_host"], known["ansible_user"], connect_kwargs={"key_filename": key})

    def deploy(self, **options: Any) -> Story:
        """Deploy it as `provision deploy` does."""
        return Story(list(deploy(self.name, DeployOptions((self.inventory,), self.folders, **options))))

    def ansible(self, *words: str) -> Recap:
        """Run ansible-playbook on it with our inventory."""
        done = subprocess.run(
            [str(ANSIBLE), "-i", self.inventory, *words], capture_output=True, text=True, check=False, timeout=900
        )
        return Recap(done.stdout + done.stderr)


@dataclass(frozen=True)
class Story:
    """The events of a deploy that is over."""

    events: list[Event]

    @property
    def results(self) -> list[Result]:
        """Of tasks and handlers, not of a loop's elements."""
        return [event for event in self.events if isinstance(event, Result) and event.kind != "item"]

    def titles(self, status: str) -> list[str]:
        """The steps that ended so."""
        return [result.title for result in self.results if result.status == status and not result.rescued]

    @property
    def data(self) -> dict[str, Any]:
        """The last Summary."""
        return dict(next(event.data for event in reversed(self.events) if isinstance(event, Summary)))


@dataclass(frozen=True)
class Recap:
    """What ansible-playbook printed."""

    text: str

    def count(self, word: str) -> int:
        """A number of the last line: ok, changed, failed, unreachable, skipped, rescued, ignored."""
        found = re.search(rf"\b{word}=(\d+)", self.text.rpartition("PLAY RECAP")[2])
        assert found, self.text
        return int(found[1])


@contextmanager
def machine(name: str, folders: Folders) -> Iterator[Lab]:
    """A fresh machine; everything of this state folder's cloud is removed in the end."""
    with open_cloud("local", load_settings({"cloud": "local"}), folders) as place:
        try:
            failed = [event for event in create_vm(place, Wish(name)) if _is_failure(event)]
            assert not failed, failed
            yield Lab(name, folders)
        finally:
            from provision.local import serve

            with serve(folders) as cloud:
                cloud.machines.remove_everything()


def _is_failure(event: Event) -> bool:
    return isinstance(event, Result) and event.status in ("failed", "unreachable")


def _quoted(command: str) -> str:
    import shlex

    return shlex.quote(command)
