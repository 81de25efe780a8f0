"""A local cloud for tests on real containers: Google's own client over HTTP, and ssh to its machines."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from provision.local import LocalCloud

ZONE = "us-central1-a"
USER = "operator"
T = TypeVar("T")


class Refused(Exception):
    """The API said no."""

    def __init__(self, code: int, body: str) -> None:
        super().__init__(f"{code}: {body}")
        self.code = code


def eventually(look: Callable[[], T], seconds: float = 30.0) -> T:
    """The first true answer; the last one, for the assertion, when time is up."""
    until = time.monotonic() + seconds
    while True:
        found = look()
        if found or time.monotonic() > until:
            return found
        time.sleep(0.1)


@dataclass(frozen=True)
class Operator:
    """Somebody with a key who uses the cloud."""

    cloud: LocalCloud
    folder: Path

    @property
    def key(self) -> Path:
        path = self.folder / "id_ed25519"
        if not path.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
        return path

    def api(self, method: str, path: str, body: Any = None, **query: str) -> dict[str, Any]:
        url = f"{self.cloud.endpoint}/compute/v1/projects/local/{path}?{urllib.parse.urlencode(query)}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=180) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(error.code, error.read().decode()) from None

    def do(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Begin an operation and wait for its end."""
        operation = self.api(method, path, body)
        link = operation["selfLink"].partition("projects/local/")[2]
        until = time.monotonic() + 300
        while operation["status"] != "DONE" and time.monotonic() < until:
            operation = self.api("POST", f"{link}/wait")
        assert operation["status"] == "DONE"
        assert "error" not in operation, operation
        return operation

    def open_port(self, name: str, port: int, **fields: Any) -> None:
        allowed = [{"IPProtocol": "tcp", "ports": [str(port)]}]
        ranges = {"sourceRanges": [f"{self.cloud.caller_address}/32"]}
        self.do("POST", "global/firewalls", {"name": name, "allowed": allowed, **ranges, **fields})

    def create(self, name: str, zone: str = ZONE, **fields: Any) -> Machine:
        """A machine, ready for ssh, with the tag of its own name."""
        public = self.key.with_suffix(".pub").read_text().strip()
        image = "projects/debian-cloud/global/images/family/debian-12"
        body = {
            "name": name,
            "machineType": f"zones/{zone}/machineTypes/e2-standard-4",
            "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": image}}],
            "networkInterfaces": [{"accessConfigs": [{"type": "ONE_TO_ONE_NAT"}]}],
            "tags": {"items": [name]},
            "metadata": {
                "items": [
                    {"key": "ssh-keys", "value": f"{USER}:{public}"},
                    {"key": "enable-guest-attributes", "value": "TRUE"},
                ]
            },
            **fields,
        }
        self.do("POST", f"zones/{zone}/instances", body)
        return self.machine(name, zone)

    def machine(self, name: str, zone: str = ZONE) -> Machine:
        body = self.api("GET", f"zones/{zone}/instances/{name}")
        return Machine(self, name, zone, body["networkInterfaces"][0]["networkIP"])


@dataclass(frozen=True)
class Machine:
    """One machine, as its operator reaches it."""

    operator: Operator
    name: str
    zone: str
    address: str

    @property
    def path(self) -> str:
        return f"zones/{self.zone}/instances/{self.name}"

    @property
    def status(self) -> str:
        return str(self.operator.api("GET", self.path)["status"])

    def host_keys(self) -> dict[str, str]:
        """The published ones; empty before the boot."""
        try:
            got = self.operator.api("GET", f"{self.path}/getGuestAttributes", queryPath="hostkeys/")
        except Refused as refusal:
            assert refusal.code == 404
            return {}
        return {item["key"]: item["value"] for item in got["queryValue"]["items"]}

    def trust(self) -> None:
        """Pin the published host keys."""
        keys = eventually(self.host_keys)
        assert keys, "the machine published no host keys"
        known = self.operator.folder / f"known_hosts-{self.name}"
        known.write_text("".join(f"{self.address} {kind} {key}\n" for kind, key in keys.items()))

    def ssh(self, command: str, user: str = USER) -> subprocess.CompletedProcess[str]:
        """Run a command; the host key must be the published one."""
        options = {
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(self.operator.folder / f"known_hosts-{self.name}"),
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": "3",
            "LogLevel": "ERROR",
        }
        flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        return subprocess.run(
            ["ssh", "-F", "none", "-i", str(self.operator.key), *flags, f"{user}@{self.address}", command],
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )

    def run(self, command: str) -> str:
        """The output of a command that must succeed."""
        done = self.ssh(command)
        assert done.returncode == 0, f"{command}: {done.returncode}: {done.stderr}{done.stdout}"
        return done.stdout.strip()

    def arrive(self) -> None:
        """Wait until ssh lets us in, with the host key pinned."""
        self.trust()
        last: list[subprocess.CompletedProcess[str]] = []

        def in_() -> bool:
            last.append(self.ssh("true"))
            return last[-1].returncode == 0

        assert eventually(in_), last[-1].stderr

    def answers(self, port: int, seconds: float = 1.0) -> bool:
        """Whether somebody takes a connection there; a closed port is silent, as behind Google's firewall."""
        try:
            socket.create_connection((self.address, port), seconds).close()
        except OSError:
            return False
        return True
