"""The local cloud as a server on loopback, inside the process that needs it."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from provision.errors import ProvisionError, UsageProblem
from provision.local.answers import PROJECT
from provision.local.docker_engine import connect
from provision.local.machines import Engine, Machines
from provision.local.operations import Action, Operations
from provision.local.store import Fault, Store
from provision.local.trust import proxies
from provision.settings import Folders

CLOSE_PATIENCE_S = 5.0
_START_S = 10.0


@dataclass(frozen=True)
class LocalCloud:
    """A running cloud."""

    endpoint: str
    store: Store
    machines: Machines
    project: str = PROJECT

    @property
    def caller_address(self) -> str:
        """What its machines see when this computer connects to them."""
        return self.machines.bridge.caller_address()

    def order_fault(self, kind: str, place: str = "", times: int = 1, **particulars: object) -> None:
        """Bad luck for the next `times` occasions: `stockout`, `http`, `slow-boot` or `bad-host-key`, at a zone, an
        instance or an HTTP method, or anywhere."""
        with self.store.write() as transaction:
            transaction.add_fault(Fault(kind, place, times, particulars))


@contextmanager
def serve(
    folders: Folders, port: int = 0, engine: Engine | None = None, environment: Mapping[str, str] = os.environ
) -> Iterator[LocalCloud]:
    """The cloud of these folders, for as long as the context lasts. Several may serve one state folder at once."""
    door = engine if engine is not None else connect(proxies(environment))
    folders.local_cloud.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = Store(folders.local_cloud / "cloud.sqlite3")
    machines = Machines(door, store, folders.local_cloud, environment)
    operations = Operations(store, actions(machines))
    try:
        operations.adopt()
        with _listening(store, machines, operations, port) as endpoint:
            try:
                yield LocalCloud(endpoint, store, machines)
            finally:
                machines.close()
                operations.close(CLOSE_PATIENCE_S)
        machines.bridge.forget()
    finally:
        store.close()
        door.close()


def actions(machines: Machines) -> Mapping[str, Action]:
    """What each operation does, and how it is undone."""
    push = Action(machines.push)
    rules = Action(lambda scope, name, report: machines.apply_firewall(report))
    return {
        "instances.insert": Action(machines.create, machines.discard),
        "instances.delete": Action(machines.delete),
        "instances.start": Action(machines.start, machines.settle),
        "instances.stop": Action(machines.stop, machines.settle),
        "instances.reset": Action(machines.reset, machines.settle),
        "instances.setMetadata": push,
        "instances.setTags": push,
        "instances.setLabels": Action(lambda zone, name, report: None),
        "firewalls.insert": rules,
        "firewalls.patch": rules,
        "firewalls.update": rules,
        "firewalls.delete": rules,
    }


@contextmanager
def _listening(store: Store, machines: Machines, operations: Operations, port: int) -> Iterator[str]:
    """The HTTP server in a thread of its own."""
    import uvicorn

    from provision.local.api.app import app
    from provision.local.api.call import Cloud

    listener = _bound(port)
    config = uvicorn.Config(
        app(Cloud(store, machines, operations)), log_config=None, access_log=False, ws="none", lifespan="off",
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="local-cloud", daemon=True)
    thread.start()
    try:
        _await_start(server, thread)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(CLOSE_PATIENCE_S)
        listener.close()


def _bound(port: int) -> socket.socket:
    # With the protocol named asyncio sets TCP_NODELAY; without it every answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise UsageProblem(f"port {port} is taken", str(error), "provision local serve --port 0") from error
    return listener


def _await_start(server: object, thread: threading.Thread) -> None:
    until = time.monotonic() + _START_S
    while not getattr(server, "started", False):
        if not thread.is_alive() or time.monotonic() > until:
            raise ProvisionError("the local cloud did not start")
        time.sleep(0.005)
