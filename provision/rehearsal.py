"""The rehearsal: create-vm, deploy and verify on the embedded local cloud, as one job."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from provision.deploy import DeployOptions, deploy
from provision.deploy.cargo import expected_s as compile_s
from provision.errors import Interrupted, ProvisionError
from provision.inventory import load
from provision.jobs import through
from provision.machines import book
from provision.machines.clouds import open_cloud
from provision.machines.create import create_vm
from provision.machines.delete import delete_vm, removal_of
from provision.machines.shell import ssh_command
from provision.machines.wish import Wish
from provision.model import Event, Job, Note, Result, Section, Summary
from provision.settings import Folders, Settings, folders
from provision.settings import load as load_settings
from provision.verify import verify
from provision.verify.lookup import target_of

NAME = "rehearsal"
VOICE = "tone"


@dataclass(frozen=True)
class Rehearsal:
    """What to rehearse, and where the tool keeps its things."""

    name: str = NAME
    remove: bool = False
    folders: Folders = field(default_factory=folders)

    def create(self) -> Job:
        """create-vm, with the defaults: what the project's files ask of real machines is not for here."""
        with open_cloud("local", _settings(), self.folders) as place:
            yield from create_vm(place, Wish(self.name))

    def deploy(self) -> Job:
        """deploy --native, with the voice that needs no model."""
        inventory = (str(self.folders.inventory),)
        return deploy(self.name, DeployOptions(inventory, self.folders, voice_model=VOICE))

    def verify(self) -> Job:
        """verify, with its default targets."""
        return verify(target_of(load([str(self.folders.inventory)]), self.name))

    def delete(self) -> Job:
        """delete-vm."""
        with open_cloud("local", _settings(), self.folders) as place:
            yield from delete_vm([(place, removal_of(place, self.name))])


def _settings() -> Settings:
    return load_settings({"cloud": "local"})


@dataclass(frozen=True)
class Part:
    """One of the three commands: its key in the last object, how it is typed, how long it takes, and the job itself."""

    key: str
    command: str
    expected_s: float
    job: Callable[[], Job]


@dataclass
class Told:
    """What the rehearsal has come to so far; owned by the one generator that runs it."""

    data: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    changed: int = 0
    failed: bool = False

    def add(self, part: Part, event: Event) -> None:
        """Take in one event of a part."""
        match event:
            case Summary(data=data):
                self.data[part.key] = {**self.data.get(part.key, {}), **data}
            case Result(kind="item"):
                pass
            case Result(status=status):
                self.changed += status == "changed" and part.key != "delete_vm"
                self.failed |= status in ("failed", "unreachable") and not (event.ignored or event.rescued)
            case _:
                pass


def rehearse(rehearsal: Rehearsal) -> Job:
    """The three commands in a row; the next one only when the last one went well. A repeat finds everything done."""
    told = Told()
    try:
        for part in parts(rehearsal):
            told.data[part.key] = {}
            yield from _part(part, rehearsal.name, told)
            if told.failed:
                break
        if rehearsal.remove:
            yield from _part(
                Part("delete_vm", f"delete-vm {rehearsal.name}", 15, rehearsal.delete), rehearsal.name, told
            )
    except (KeyboardInterrupt, Interrupted) as interrupt:
        yield _summary(rehearsal, told)
        raise _interrupted(rehearsal, told) from interrupt
    except ProvisionError:
        yield _summary(rehearsal, told)
        raise
    yield _summary(rehearsal, told)
    if rehearsal.remove:
        return
    if told.failed:
        yield Note("the rehearsal stops here; mend it, and the same command goes on", _command(rehearsal), "warning")
    elif not told.changed:
        yield Note("nothing had to change")
    yield from _where(rehearsal)


def parts(rehearsal: Rehearsal) -> tuple[Part, ...]:
    """The three commands, with what they roughly take here and now."""
    name, place = rehearsal.name, rehearsal.folders
    there = book.find(place, name) is not None
    compiled = place.artifacts.is_dir() and any(place.artifacts.iterdir())
    spoken = there and (place.keys / f"{name}.key").exists() and compiled
    return (
        Part(
            "create_vm",
            f"create-vm {name}",
            3 if there else 20 if place.local_cloud.is_dir() else 240,
            rehearsal.create,
        ),
        Part(
            "deploy",
            f"deploy {name} --native",
            10 if spoken else 90 if compiled else 90 + _compile_s(),
            rehearsal.deploy,
        ),
        Part("verify", f"verify {name}", 40, rehearsal.verify),
    )


def _compile_s() -> float:
    return compile_s(os.cpu_count() or 1)


def _part(part: Part, name: str, told: Told) -> Job:
    """The events of one command. Its own summary and its hints at the next command are for when it runs alone."""
    yield Section(f"provision {part.command}", (name,), part.expected_s)

    def shown(event: Event) -> Event | None:
        told.add(part, event)
        return None if isinstance(event, Summary) or _hint(event) else event

    yield from through(part.job(), shown)


def _hint(event: Event) -> bool:
    return isinstance(event, Note) and bool(event.command) and event.level == "info"


def _summary(rehearsal: Rehearsal, told: Told) -> Summary:
    return Summary({**told.data, "machine": machine(rehearsal, told.data), "changed": told.changed})


def machine(rehearsal: Rehearsal, data: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Where the machine is, as far as the parts have told: `port` is the service's, `key_file` holds its API key."""
    created, deployed = data.get("create_vm", {}), data.get("deploy", {})
    return {
        "name": rehearsal.name,
        "address": created.get("address", ""),
        "user": created.get("user", ""),
        "port": deployed.get("port", created.get("service_port")),
        "key_file": deployed.get("key_file", ""),
    }


def _where(rehearsal: Rehearsal) -> Job:
    """Where it is, what comes next, and how to be rid of it."""
    name = rehearsal.name
    host = book.find(rehearsal.folders, name)
    if host is None:
        return
    yield Note(f"{name} is at {host.vars['ansible_host']}; a shell there", f"provision ssh {name}")
    yield Note("the same with OpenSSH", shlex.join(ssh_command(name, host.vars)))
    yield Note("measure it again", f"provision verify {name}")
    yield Note("remove it", f"provision delete-vm {name} --cloud local")


def _command(rehearsal: Rehearsal) -> str:
    return "provision rehearse" + ("" if rehearsal.name == NAME else f" --name {rehearsal.name}")


def _interrupted(rehearsal: Rehearsal, told: Told) -> Interrupted:
    """A container on this computer costs nothing, and every part takes up what an interrupted one has left."""
    name = rehearsal.name
    return Interrupted(
        "interrupted",
        f"it was at {_current(told)}; the machine `{name}` may be left on this computer and costs nothing",
        f"{_command(rehearsal)}  # goes on from here\nprovision delete-vm {name} --cloud local  # removes it",
    )


def _current(told: Told) -> str:
    return (list(told.data) or ["the first step"])[-1].replace("_", "-")
