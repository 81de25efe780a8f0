"""Which cloud a command means, and the open way to it: Google's, or the embedded one started inside this command."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
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

    @property
    def flags(self) -> str:
        """What a command needs to mean this cloud, with a blank before it; for hints."""
        return " --cloud local" if self.kind == "local" else f" --project {self.cloud.project}"

    def caller_range(self) -> str:
        """The range that holds the address we come from, and no other."""
        return caller.as_range(self.caller or caller.public_address(self.caller_url))


def kind_for(settings: Settings, machine: Mapping[str, object], unknown: Kind = "gce") -> Kind:
    """The cloud that was named, else the one that the machine is in by the inventory, else `unknown`."""
    return _kind(str(settings["cloud"] or machine.get("provision_cloud") or unknown))


def likely_kind(settings: Settings, folders: Folders) -> Kind:
    """Where a machine may be that the inventory does not know: who has no project has only the embedded cloud."""
    return "local" if folders.local_cloud.is_dir() and not settings["project"] else "gce"


def clouds_in_play(
    settings: Settings, machines: Mapping[str, Mapping[str, object]], folders: Folders
) -> tuple[tuple[Kind, str], ...]:
    """Cloud and project: the named cloud, else every one that can have machines of ours."""
    entries = list(machines.values())
    theirs = {str(entry.get("provision_project", "")) for entry in entries if entry.get("provision_cloud") == "gce"}
    google_too = tuple(("gce", project) for project in sorted({*theirs, str(settings["project"])} - {""}))
    local = folders.local_cloud.is_dir() or any(entry.get("provision_cloud") == "local" for entry in entries)
    match settings["cloud"]:
        case "local":
            return (("local", ""),)
        case "gce" if settings["project"]:
            return (("gce", str(settings["project"])),)
        case "gce":
            return google_too or (("gce", ""),)  # type: ignore[return-value]
        case _:
            return (*((("local", ""),) if local else ()), *google_too)


def _kind(word: str) -> Kind:
    if word == "local":
        return "local"
    if word == "gce":
        return "gce"
    raise UsageProblem(f"there is no cloud `{word}`", hint="`--cloud gce` or `--cloud local`")


def project_of(settings: Settings, machine: Mapping[str, object]) -> str:
    """The project that was named, else the one that the machine is in."""
    return str(settings["project"] or machine.get("provision_project", ""))


@contextmanager
def open_cloud(kind: Kind, settings: Settings, folders: Folders, project: str = "") -> Iterator[Place]:
    """The way to that cloud, for as long as it is needed. The embedded one runs in this process meanwhile."""
    if kind == "gce":
        with closing(google(project or str(settings["project"]), str(settings["endpoint"]))) as cloud:
            yield Place("gce", cloud, folders, caller_url=str(settings["caller_url"]))
        return
    from provision.local import serve  # starts threads and asks for Docker: only when it is really wanted

    with serve(folders) as local, closing(anonymous(local.project, local.endpoint)) as cloud:
        yield Place("local", cloud, folders, local.caller_address)


def inside(opened: AbstractContextManager[Place], job: Callable[[Place], Job]) -> Job:
    """The job, with the cloud open for exactly as long as it runs."""
    with opened as place:
        yield from job(place)


def inside_of(
    settings: Settings,
    places: Folders,
    machine: Mapping[str, object],
    job: Callable[[Place], Job],
    unknown: Kind = "gce",
) -> Job:
    """The job in the cloud that a machine is in by settings or inventory."""
    kind = kind_for(settings, machine, unknown)
    return inside(open_cloud(kind, settings, places, project_of(settings, machine)), job)
