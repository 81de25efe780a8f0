"""Looking after the local cloud by hand: keep it up for other clients, tell how it is, remove it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from provision.errors import ProvisionError
from provision.inventory import load
from provision.inventory.book import forget
from provision.local.docker_engine import DockerEngine, connect
from provision.local.machines import Machines, address_of, owner_of
from provision.local.server import serve
from provision.local.store import Body, Store
from provision.model import Job, Note, Result, Summary, Table
from provision.settings import Folders

HOST = "localhost"


def keep_up(folders: Folders, port: int) -> Job:
    """The cloud on a port of this computer until Ctrl-C. Machines outlive it."""
    with serve(folders, port) as cloud:
        settings = gcloud_settings(cloud.endpoint)
        yield Result(HOST, "the local cloud answers", "ok", data={"endpoint": cloud.endpoint, "settings": settings})
        yield Note(
            "Google's own tools reach it with these settings:", " ".join(f"{k}={v}" for k, v in settings.items())
        )
        yield Note("it answers until Ctrl-C; its machines go on without it")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass
    yield Summary({"endpoint": cloud.endpoint})


def gcloud_settings(endpoint: str) -> dict[str, str]:
    """The environment in which gcloud talks to this cloud."""
    return {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"{endpoint}/compute/v1/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": "local",
    }


def status(folders: Folders) -> Job:
    """What there is: machines, firewall rules, where the state lies, and whether Docker is well."""
    instances, rules = _contents(folders)
    running, docker = _running(folders)
    machines = [_line(zone, body, running) for zone, body in instances]
    data: dict[str, Any] = {
        "state_folder": str(folders.local_cloud),
        "docker_ok": docker is None,
        "machines": machines,
        "firewall_rules": rules,
    }
    if docker is not None:
        yield Note(f"{docker.what}: {docker.why}", docker.hint, level="warning")
    if machines:
        rows = tuple((m["name"], m["zone"], m["machine_type"], m["status"], m["address"]) for m in machines)
        yield Table("machines of the local cloud", ("name", "zone", "machine type", "status", "address"), rows)
    else:
        yield Note("the local cloud has no machines", "provision create-vm NAME --cloud local")
    yield Summary(data)


def _contents(folders: Folders) -> tuple[list[tuple[str, Body]], list[str]]:
    path = folders.local_cloud / "cloud.sqlite3"
    if not path.exists():
        return [], []
    store = Store(path)
    try:
        with store.read() as transaction:
            instances, rules = transaction.all("instances"), transaction.all("firewalls")
    finally:
        store.close()
    return instances, [str(rule["name"]) for _, rule in rules]


def _line(zone: str, body: Body, running: frozenset[str] | None) -> dict[str, str]:
    """One machine for the reader, with the status its container has where Docker can tell."""
    known = running is not None and body["status"] in ("RUNNING", "TERMINATED")
    return {
        "name": body["name"],
        "zone": zone,
        "machine_type": str(body["machineType"]).rsplit("/", 1)[-1],
        "status": ("RUNNING" if body["id"] in (running or ()) else "TERMINATED") if known else body["status"],
        "address": address_of(body),
    }


def _running(folders: Folders) -> tuple[frozenset[str] | None, ProvisionError | None]:
    """The ids of the instances whose container runs; None, and why, where Docker does not tell."""
    try:
        engine = connect()
    except ProvisionError as problem:
        return None, problem
    try:
        return engine.running_instances(owner_of(folders.local_cloud)), None
    finally:
        engine.close()


def reset(folders: Folders) -> Job:
    """Remove every machine, rule and row of this state folder; the machine image is kept for the next one."""
    folders.local_cloud.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = connect()
    store = Store(folders.local_cloud / "cloud.sqlite3")
    try:
        removed = removal(engine, store, folders)
    finally:
        store.close()
        engine.close()
    for name in _listed(folders):
        forget(folders.inventory, name)
    changed = any(removed.values())
    yield Result(HOST, "remove the local cloud", "changed" if changed else "ok", data=removed)
    yield Summary(removed)


def _listed(folders: Folders) -> list[str]:
    """The hosts of the tool's own inventory that were machines of this cloud."""
    hosts = load([str(folders.inventory)]).hosts if folders.inventory.is_file() else {}
    return [name for name, host in hosts.items() if host.vars.get("provision_cloud") == "local"]


def removal(engine: DockerEngine, store: Store, folders: Folders) -> Mapping[str, int]:
    """How much of everything went."""
    with store.read() as transaction:
        rules = len(transaction.all("firewalls"))
    machines, volumes, networks = Machines(engine, store, folders.local_cloud).remove_everything()
    return {"machines": machines, "volumes": volumes, "networks": networks, "firewall_rules": rules}
