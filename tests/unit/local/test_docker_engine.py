"""The door to Docker: what it tells when Docker is not there, and what it asks for when it is."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest
from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import ConnectionError as RequestsConnectionError

from provision.errors import ProvisionError, Unreachable
from provision.local import docker_engine
from provision.local.docker_engine import Container, DockerEngine, File, Network, SubnetTaken, connect

CONTAINER = Container("c", "vm1", "image:1", "net", "10.0.0.2", {"v-cache": "/var/cache"}, "owner", {"x": "y"})


class Recorder:
    """A client that notes calls by dotted name, and answers or fails as told."""

    def __init__(self, answers: dict[str, Any] | None = None, name: str = "", calls: list[Any] | None = None) -> None:
        self._answers, self._name = answers or {}, name
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = calls if calls is not None else []

    def __getattr__(self, part: str) -> Recorder:
        return Recorder(self._answers, f"{self._name}.{part}".lstrip("."), self.calls)

    def __call__(self, *args: Any, **given: Any) -> Any:
        self.calls.append((self._name, args, given))
        answer = self._answers.get(self._name, {})
        if isinstance(answer, Exception):
            raise answer
        return answer

    def given(self, name: str) -> dict[str, Any]:
        return next(given for called, _, given in self.calls if called == name)


def refused(code: int, explanation: str) -> APIError:
    return APIError("refused", explanation=explanation)


# When it is not there


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes connecting fail with that cause, on a computer with or without Docker."""

    def arrange(cause: Exception, installed: bool = True) -> Unreachable:
        def client(**_: Any) -> None:
            raise DockerException(f"Error while fetching server API version: {cause}") from RequestsConnectionError(
                "Connection aborted.", cause
            )

        monkeypatch.setattr("docker.DockerClient", client)
        monkeypatch.setattr(docker_engine.shutil, "which", lambda name: "/usr/bin/docker" if installed else None)
        with pytest.raises(Unreachable) as failure:
            connect()
        assert failure.value.exit_code == 4
        return failure.value

    yield arrange


def test_not_installed_names_the_package(failing: Any) -> None:
    problem = failing(FileNotFoundError(2, "No such file or directory"), installed=False)
    assert (problem.what, problem.hint) == ("Docker is not installed", "sudo apt-get install docker.io")


@pytest.mark.parametrize(
    "cause", [FileNotFoundError(2, "No such file"), ConnectionRefusedError(111, "Connection refused")]
)
def test_not_running_names_the_service(failing: Any, cause: Exception) -> None:
    problem = failing(cause)
    assert (problem.what, problem.hint) == ("Docker Engine does not answer", "sudo systemctl start docker")
    assert problem.why


def test_not_allowed_names_the_group(failing: Any) -> None:
    problem = failing(PermissionError(13, "Permission denied"))
    assert problem.what == "Docker does not let this user in"
    assert problem.hint == "sudo usermod -aG docker $USER && newgrp docker"


@pytest.mark.parametrize(
    ("info", "kind"),
    [
        ({"SecurityOptions": ["name=seccomp", "name=rootless"]}, "rootless Docker"),
        ({"OperatingSystem": "Docker Desktop"}, "Docker Desktop"),
    ],
)
def test_an_engine_that_hides_addresses_is_refused(
    monkeypatch: pytest.MonkeyPatch, info: dict[str, Any], kind: str
) -> None:
    monkeypatch.setattr("docker.DockerClient", lambda **_: Recorder({"info": info}))
    with pytest.raises(Unreachable, match="cannot use this Docker") as failure:
        connect()
    assert failure.value.why.startswith(kind)


def test_docker_host_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setenv("DOCKER_HOST", "unix:///elsewhere.sock")
    monkeypatch.setattr("docker.DockerClient", lambda **given: seen.append(given["base_url"]) or Recorder())
    connect()
    assert seen == ["unix:///elsewhere.sock"]


# Machines


@pytest.mark.parametrize(
    ("version", "namespace", "bound"),
    [("1", "host", True), ("2", "private", False)],
)
def test_systemd_gets_its_control_groups_without_privileges(version: str, namespace: str, bound: bool) -> None:
    client = Recorder({"api.create_host_config": {}})
    DockerEngine(client, version).create(CONTAINER)
    host = client.given("api.create_host_config")
    assert (host["cap_add"], host["cap_drop"]) == (["ALL"], ["SYS_RESOURCE"])
    assert "privileged" not in host
    assert ("/sys/fs/cgroup:/sys/fs/cgroup:rw" in host["binds"]) is bound
    assert client.given("api.create_container")["host_config"]["CgroupnsMode"] == namespace


def test_a_container_has_its_address_labels_and_volumes() -> None:
    client = Recorder({"api.create_host_config": {}})
    DockerEngine(client, "2").create(CONTAINER)
    assert client.given("api.create_endpoint_config") == {"ipv4_address": "10.0.0.2", "aliases": ["vm1"]}
    made = client.given("api.create_container")
    assert made["labels"] == {"provision.state": "owner", "provision.machine": "c", "x": "y"}
    assert (made["hostname"], made["tty"]) == ("vm1", True)
    assert client.given("volumes.create")["labels"] == {"provision.state": "owner", "provision.machine": "c"}
    assert client.given("api.create_host_config")["restart_policy"] == {"Name": "on-failure"}


def test_a_taken_subnet_is_told_apart_from_other_failures() -> None:
    network = Network("n", "10.0.0.0/24", "10.0.0.1")
    taken = DockerEngine(
        Recorder({"networks.create": refused(403, "Pool overlaps with other one on this address space")}), "2"
    )
    with pytest.raises(SubnetTaken):
        taken.make_network(network, "owner")
    other = DockerEngine(Recorder({"networks.create": refused(500, "disk full")}), "2")
    with pytest.raises(ProvisionError, match="could not make the network n") as failure:
        other.make_network(network, "owner")
    assert failure.value.why == "disk full"


def test_a_network_in_use_is_left_and_a_missing_one_is_no_trouble() -> None:
    DockerEngine(Recorder({"networks.get": refused(403, "network n has active endpoints")}), "2").remove_network("n")
    DockerEngine(Recorder({"networks.get": NotFound("no")}), "2").remove_network("n")
    with pytest.raises(ProvisionError):
        DockerEngine(Recorder({"networks.get": refused(500, "no")}), "2").remove_network("n")


def test_what_is_gone_already_is_no_trouble() -> None:
    client = Recorder(
        {
            "api.remove_container": NotFound("no"),
            "volumes.list": [],
            "api.get_archive": NotFound("no"),
            "api.logs": NotFound("no"),
        }
    )
    engine = DockerEngine(client, "2")
    engine.remove("c")
    assert engine.read("c", "/etc") == {}
    assert engine.console("c") == b""


def test_a_failure_of_the_engine_is_an_error_of_ours() -> None:
    with pytest.raises(ProvisionError, match="Docker could not start the container c") as failure:
        DockerEngine(Recorder({"api.start": refused(500, "no space left")}), "2").start("c")
    assert failure.value.why == "no space left"


def test_an_engine_that_went_away_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="Docker could not start the container c") as failure:
        DockerEngine(Recorder({"api.start": RequestsConnectionError("gone")}), "2").start("c")
    assert failure.value.hint == "docker info"


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        ("running", "running"),
        ("restarting", "running"),
        ("paused", "running"),
        ("exited", "stopped"),
        ("created", "stopped"),
    ],
)
def test_a_machine_that_reboots_counts_as_running(state: str, wanted: str) -> None:
    listed = [{"Names": ["/c"], "State": state}]
    client = Recorder({"api.containers": listed})
    assert DockerEngine(client, "2").states("owner") == {"c": wanted}
    assert client.given("api.containers") == {"all": True, "filters": {"label": "provision.state=owner"}}


def test_files_travel_as_a_tar_of_root() -> None:
    client = Recorder()
    DockerEngine(client, "2").write("c", {"/etc/a/b.conf": File("text ä", 0o600)})
    (_, (name, path, data), _) = client.calls[0]
    assert (name, path) == ("c", "/")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (entry,) = archive.getmembers()
    assert (entry.name, entry.mode, entry.uid, entry.gid) == ("etc/a/b.conf", 0o600, 0, 0)


def test_files_of_a_folder_come_back_by_relative_path() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in ("guest-attributes/hostkeys/a", "guest-attributes/b"):
            entry = tarfile.TarInfo(path)
            entry.size = 2
            archive.addfile(entry, io.BytesIO(b"hi"))
        folder = tarfile.TarInfo("guest-attributes/empty")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    client = Recorder({"api.get_archive": ([packed.getvalue()[:700], packed.getvalue()[700:]], {})})
    assert DockerEngine(client, "2").read("c", "/x/guest-attributes") == {"hostkeys/a": b"hi", "b": b"hi"}


def test_a_command_gives_its_exit_code_and_output() -> None:
    answers = {"api.exec_create": {"Id": "1"}, "api.exec_start": b"no\xff", "api.exec_inspect": {"ExitCode": 3}}
    assert DockerEngine(Recorder(answers), "2").run("c", ["nft"]) == (3, "no\ufffd")


# Images


def test_a_registry_that_says_no_is_no_registry() -> None:
    assert DockerEngine(Recorder({"api.pull": refused(500, "no such host")}), "2").pull("debian:12", 5) is False


def test_a_registry_that_says_nothing_is_given_up() -> None:
    import threading

    silent = threading.Event()

    class Hanging(Recorder):
        def __call__(self, *args: Any, **given: Any) -> Any:
            silent.wait(5)
            return []

        def __getattr__(self, part: str) -> Hanging:
            return self

    assert DockerEngine(Hanging(), "2").pull("debian:12", 0.1) is False
    silent.set()


def test_a_pull_that_ends_with_the_image_is_a_yes() -> None:
    assert DockerEngine(Recorder({"api.pull": [{"status": "Pulling"}]}), "2").pull("debian:12", 5) is True
