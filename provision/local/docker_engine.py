"""The door to Docker Engine: the only place that speaks to it, and tells what is wrong when it cannot."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from provision.errors import ProvisionError, Unreachable

if TYPE_CHECKING:
    import docker

OWNER = "provision.state"
MACHINE = "provision.machine"
INSTANCE = "provision.instance"
TIMEOUT_S = 120
BUILD_TIMEOUT_S = 900

State = Literal["running", "stopped", "missing"]


@dataclass(frozen=True)
class Container:
    """A machine as the engine is to make it."""

    name: str
    hostname: str
    image: str
    network: str
    address: str
    volumes: Mapping[str, str]
    owner: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """The bridge of one cloud. `gateway` is what machines see when the operator reaches them from this computer."""

    name: str
    subnet: str
    gateway: str


@dataclass(frozen=True)
class File:
    """A file to put into a container."""

    text: str
    mode: int = 0o644


class SubnetTaken(ProvisionError):
    """The engine has the subnet in use already."""


class DockerEngine:
    """One connection to the engine. Methods may be called from several threads."""

    def __init__(
        self, client: docker.DockerClient, cgroup_version: str, proxies: Mapping[str, str] | None = None
    ) -> None:
        self._client = client
        self._proxies = proxies or {}
        self._cgroup_version = cgroup_version

    def close(self) -> None:
        self._client.close()

    # Images

    def has_image(self, tag: str) -> bool:
        from docker.errors import ImageNotFound

        with _told(f"Docker could not look for the image {tag}"):
            try:
                self._client.images.get(tag)
            except ImageNotFound:
                return False
            return True

    def pull(self, image: str, patience_s: float) -> bool:
        """Whether a registry gave the image; silence for `patience_s` is a no."""
        last_news = [time.monotonic()]
        outcome: list[bool] = []

        def follow() -> None:
            outcome.append(self._pull(image, last_news))

        worker = threading.Thread(target=follow, daemon=True)
        worker.start()
        while worker.is_alive() and time.monotonic() - last_news[0] < patience_s:
            worker.join(0.2)
        return bool(outcome and outcome[0])

    def _pull(self, image: str, last_news: list[float]) -> bool:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        repository, _, tag = image.partition(":")
        try:
            for _ in self._client.api.pull(repository, tag=tag, stream=True, decode=True):
                last_news[0] = time.monotonic()
            return self.has_image(image)
        except (DockerException, RequestException, ProvisionError):
            return False

    def import_image(self, archive: Path, tag: str) -> None:
        repository, _, version = tag.partition(":")
        with _told(f"Docker could not import the root file system as {tag}"), archive.open("rb") as data:
            answer = self._client.api.import_image_from_data(data, repository=repository, tag=version)
        if not self.has_image(tag):
            raise ProvisionError(f"Docker could not import the root file system as {tag}", str(answer)[-500:])

    def build(self, context: Path, tag: str) -> None:
        from docker.errors import BuildError

        with _told(f"Docker could not build the image {tag}"):
            try:
                self._client.images.build(
                    path=str(context),
                    tag=tag,
                    rm=True,
                    forcerm=True,
                    timeout=BUILD_TIMEOUT_S,
                    buildargs=dict(self._proxies),
                )
            except BuildError as error:
                log = "".join(str(part.get("stream", part.get("error", ""))) for part in error.build_log)
                raise ProvisionError(f"Docker could not build the image {tag}", log[-1500:].strip()) from error

    # Networks

    def network(self, name: str) -> Network | None:
        from docker.errors import NotFound

        with _told(f"Docker could not look for the network {name}"):
            try:
                attributes = self._client.networks.get(name).attrs
            except NotFound:
                return None
        settings = attributes["IPAM"]["Config"][0]
        return Network(name, settings["Subnet"], settings["Gateway"])

    def make_network(self, network: Network, owner: str) -> None:
        from docker.errors import APIError
        from docker.types import IPAMConfig, IPAMPool

        pool = IPAMConfig(pool_configs=[IPAMPool(subnet=network.subnet, gateway=network.gateway)])
        with _told(f"Docker could not make the network {network.name}"):
            try:
                self._client.networks.create(
                    network.name, driver="bridge", ipam=pool, labels={OWNER: owner}, check_duplicate=True
                )
            except APIError as error:
                if "overlap" in str(error.explanation):
                    raise SubnetTaken(f"the subnet {network.subnet} is in use") from error
                raise

    def remove_network(self, name: str) -> None:
        """Unless something is still connected to it."""
        from docker.errors import APIError, NotFound

        with _told(f"Docker could not remove the network {name}"):
            try:
                self._client.networks.get(name).remove()
            except NotFound:
                pass
            except APIError as error:
                if "active endpoints" not in str(error.explanation):
                    raise

    # Machines

    def create(self, container: Container) -> None:
        """Make the container of a machine, not started. No `--privileged`: that needs CAP_SYS_RESOURCE, which not every
        computer can give."""
        from docker.types import LogConfig

        api = self._client.api
        host = api.create_host_config(
            cap_add=["ALL"],
            cap_drop=["SYS_RESOURCE"],
            security_opt=["seccomp=unconfined", "apparmor=unconfined"],
            tmpfs={"/run": "exec,size=10%", "/run/lock": ""},
            restart_policy={"Name": "on-failure"},
            binds=self._binds(container),
            log_config=LogConfig(type="json-file", config={"max-size": "4m", "max-file": "1"}),
            network_mode=container.network,
        )
        host["CgroupnsMode"] = "host" if self._cgroup_version == "1" else "private"
        endpoint = api.create_endpoint_config(ipv4_address=container.address, aliases=[container.hostname])
        networking: Any = api.create_networking_config({container.network: endpoint})  # type: ignore[arg-type]
        with _told(f"Docker could not create the container {container.name}"):
            for volume in container.volumes:
                self._client.volumes.create(volume, labels={OWNER: container.owner, MACHINE: container.name})
            api.create_container(
                container.image,
                name=container.name,
                hostname=container.hostname,
                tty=True,
                labels={OWNER: container.owner, MACHINE: container.name, **container.labels},
                host_config=host,
                networking_config=networking,
            )

    def _binds(self, container: Container) -> list[str]:
        volumes = [f"{volume}:{path}" for volume, path in container.volumes.items()]
        return volumes + (["/sys/fs/cgroup:/sys/fs/cgroup:rw"] if self._cgroup_version == "1" else [])

    def start(self, name: str) -> None:
        with _told(f"Docker could not start the container {name}"):
            self._client.api.start(name)

    def stop(self, name: str, patience_s: int) -> None:
        with _told(f"Docker could not stop the container {name}"):
            self._client.api.stop(name, timeout=patience_s)

    def restart(self, name: str) -> None:
        with _told(f"Docker could not restart the container {name}"):
            self._client.api.restart(name, timeout=0)

    def remove(self, name: str) -> None:
        """The container and every volume made for it; nothing left is no error."""
        from docker.errors import NotFound

        with _told(f"Docker could not remove the container {name}"):
            try:
                self._client.api.remove_container(name, force=True, v=True)
            except NotFound:
                pass
            for volume in self._client.volumes.list(filters={"label": f"{MACHINE}={name}"}):
                volume.remove(force=True)

    def remove_all(self, owner: str) -> tuple[int, int, int]:
        """Everything of one cloud and nothing else: how many containers, volumes and networks went."""
        mine: dict[str, str | list[str] | bool] = {"label": f"{OWNER}={owner}"}
        with _told("Docker could not remove the machines of this cloud"):
            containers = self._client.containers.list(all=True, filters=mine)
            for container in containers:
                container.remove(force=True, v=True)
            volumes = self._client.volumes.list(filters=mine)
            for volume in volumes:
                volume.remove(force=True)
            networks = self._client.networks.list(filters=mine)
            for network in networks:
                network.remove()
        return len(containers), len(volumes), len(networks)

    def running_instances(self, owner: str) -> frozenset[str]:
        """The ids of the instances of this cloud whose container runs."""
        with _told("Docker could not list the machines of this cloud"):
            found = self._client.api.containers(filters={"label": f"{OWNER}={owner}"})
        return frozenset(entry["Labels"].get(INSTANCE, "") for entry in found)

    def states(self, owner: str) -> Mapping[str, State]:
        """Which containers of this cloud there are; a restarting one counts as running: its machine reboots."""
        with _told("Docker could not list the machines of this cloud"):
            found = self._client.api.containers(all=True, filters={"label": f"{OWNER}={owner}"})
        alive = ("running", "restarting", "paused")
        return {entry["Names"][0].lstrip("/"): "running" if entry["State"] in alive else "stopped" for entry in found}

    def write(self, name: str, files: Mapping[str, File]) -> None:
        """Put files into a container, running or not."""
        with _told(f"Docker could not write into the container {name}"):
            self._client.api.put_archive(name, "/", _pack(files))

    def read(self, name: str, folder: str) -> Mapping[str, bytes]:
        """The files under a folder, by path relative to it; empty when it is not there."""
        from docker.errors import NotFound

        with _told(f"Docker could not read {folder} of the container {name}"):
            try:
                stream, _ = self._client.api.get_archive(name, folder)
            except NotFound:
                return {}
            return _unpack(b"".join(stream))

    def run(self, name: str, command: Sequence[str]) -> tuple[int, str]:
        """Run a command in a running container as root: exit code and what it printed."""
        with _told(f"Docker could not run `{' '.join(command)}` in the container {name}"):
            made = self._client.api.exec_create(name, list(command))
            output = self._client.api.exec_start(made["Id"])
            code = self._client.api.exec_inspect(made["Id"])["ExitCode"]
        return int(code or 0), output.decode(errors="replace")

    def console(self, name: str) -> bytes:
        """What the machine wrote on its console, since it was made."""
        from docker.errors import NotFound

        with _told(f"Docker could not read the console of the container {name}"):
            try:
                return bytes(self._client.api.logs(name, stdout=True, stderr=True))
            except NotFound:
                return b""


def connect(proxies: Mapping[str, str] | None = None) -> DockerEngine:
    """The engine of this computer, or an error that says what to install, start or join. `proxies`: for its builds."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.DockerClient(base_url=_address(), version="auto", timeout=TIMEOUT_S)
    except DockerException as error:
        raise _unreachable(error) from error
    info = client.info()
    _refuse_hidden_networks(info)
    return DockerEngine(client, str(info.get("CgroupVersion", "1")), proxies)


def _address() -> str | None:
    """DOCKER_HOST, else the socket of the current `docker context`, else Docker's own default."""
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    from docker.context import ContextAPI

    context = ContextAPI.get_current_context()
    return context.Host if context is not None else None


def _refuse_hidden_networks(info: Mapping[str, Any]) -> None:
    """Machines are reached by their own address, which an engine inside another VM or user namespace hides."""
    rootless = any("rootless" in option for option in info.get("SecurityOptions") or ())
    if rootless or "Docker Desktop" in str(info.get("OperatingSystem", "")):
        kind = "rootless Docker" if rootless else "Docker Desktop"
        raise Unreachable(
            "the local cloud cannot use this Docker",
            f"{kind} keeps the addresses of containers to itself, and machines are reached by their address",
            "install Docker Engine for Linux: sudo apt-get install docker.io; sudo usermod -aG docker $USER",
        )


def _unreachable(error: Exception) -> Unreachable:
    causes = list(_causes(error))
    if any(isinstance(cause, PermissionError) for cause in causes):
        return Unreachable(
            "Docker does not let this user in",
            "its socket belongs to root and the group docker",
            "sudo usermod -aG docker $USER && newgrp docker",
        )
    if shutil.which("dockerd") is None and shutil.which("docker") is None:
        return Unreachable(
            "Docker is not installed",
            "the machines of the local cloud are containers",
            "sudo apt-get install docker.io",
        )
    return Unreachable("Docker Engine does not answer", str(causes[-1]), "sudo systemctl start docker")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything it was made from, through the ways in which requests and urllib3 wrap."""
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        current = pending.pop()
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            pending += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Failures of the engine as errors of ours."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except APIError as error:
        raise ProvisionError(what, str(error.explanation or error)) from error
    except (DockerException, RequestException) as error:
        raise Unreachable(what, str(error), "docker info") from error


def _pack(files: Mapping[str, File]) -> bytes:
    """A tar of the files and of nothing else, owned by root."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, file in files.items():
            data = file.text.encode()
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode, entry.mtime = len(data), file.mode, int(time.time())
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def _unpack(data: bytes) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isfile() else None
            if content is not None:
                found[entry.name.partition("/")[2]] = content.read()
    return found
