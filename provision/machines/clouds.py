"""Which cloud a command means, and the open way to it: Google's, or the embedded one started inside this command."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal

from provision.errors import UsageProblem
from provision.gce import caller
from provision.gce.client import Cloud, anonymous, google
from provision.model import Job
from provision.settings import Folders, Settings

Kind = Literal["gce", "local"]


@dataclass(frozen=True)
class Place:
    """An open cloud, with the folders of this installation. `caller`: our address, where the cloud tells it."""

    kind: Kind
    cloud: Cloud
    folders: Folders
    caller: str = ""
    caller_url: str = ""

    def caller_range(self) -> str:
        """The range that holds the address we come from, and no other."""
        return caller.as_range(self.caller or caller.public_address(self.caller_url))


def kind_for(settings: Settings, machine: Mapping[str, object] | None = None) -> Kind:
    """The cloud that was named, else the one that the machine is in by the inventory, else Google's."""
    known = str((machine or {}).get("provision_cloud", ""))
    if settings.given("cloud") and settings["cloud"]:
        return _kind(str(settings["cloud"]))
    return _kind(known or "gce")


def kinds_in_play(
    settings: Settings, machines: Mapping[str, Mapping[str, object]], folders: Folders
) -> tuple[Kind, ...]:
    """The named cloud, else every one that can have machines of ours."""
    if settings["cloud"]:
        return (_kind(str(settings["cloud"])),)
    known = {str(variables.get("provision_cloud", "")) for variables in machines.values()}
    local = "local" in known or folders.local_cloud.is_dir()
    google_too = "gce" in known or bool(settings["project"])
    kinds: tuple[Kind, ...] = (*(("local",) if local else ()), *(("gce",) if google_too else ()))
    return kinds or ("gce",)


def _kind(word: str) -> Kind:
    if word == "local":
        return "local"
    if word == "gce":
        return "gce"
    raise UsageProblem(f"there is no cloud `{word}`", hint="`--cloud gce` or `--cloud local`")


def project_of(settings: Settings, machine: Mapping[str, object] | None = None) -> str:
    """The project that was named, else the one that the machine is in."""
    return str(settings["project"] or (machine or {}).get("provision_project", ""))


@contextmanager
def open_cloud(kind: Kind, settings: Settings, folders: Folders, project: str = "") -> Iterator[Place]:
    """The way to that cloud, for as long as it is needed. The embedded one runs in this process meanwhile."""
    if kind == "gce":
        cloud = google(project or str(settings["project"]), str(settings["endpoint"]))
        yield Place("gce", cloud, folders, caller_url=str(settings["caller_url"]))
        return
    from provision.local import serve  # starts threads and asks for Docker: only when it is really wanted

    with serve(folders) as local:
        yield Place("local", anonymous("local", local.endpoint), folders, local.caller_address)


def inside(opened: AbstractContextManager[Place], job: Callable[[Place], Job]) -> Job:
    """The job, with the cloud open for exactly as long as it runs."""
    with opened as place:
        yield from job(place)
