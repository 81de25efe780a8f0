"""From the name of a host in the inventory to the speech server that was deployed there."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from provision.errors import UsageProblem
from provision.inventory import Host, Inventory
from provision.playbook.templating import Templar
from provision.speech.endpoint import DEFAULT_PORT, TTS_PATH, endpoint
from provision.verify.target import SpeechTarget

_READ = ("ansible_host", "moshi_api_key_file", "moshi_path", "moshi_port", "moshi_url")


def target_of(inventory: Inventory, name: str, key: str | None = None) -> SpeechTarget:
    """The server of a host, from the variables that create-vm and deploy know; `moshi_url` goes over them."""
    host = inventory.host(name)
    if host is None:
        near = get_close_matches(name, list(inventory.hosts), n=1)
        raise UsageProblem(
            f"the inventory knows no host `{name}`",
            f"did you mean `{near[0]}`?" if near else "",
            "provision list",
        )
    known = _rendered(host)
    address, path = str(known.get("ansible_host", name)), str(known.get("moshi_path", TTS_PATH))
    return SpeechTarget(
        host=name,
        url=str(known.get("moshi_url") or endpoint(address, _port(name, known), path).url),
        key=_key_of(name, known.get("moshi_api_key_file")) if key is None else key,
        open_command=_open_command(name, known),
    )


def _rendered(host: Host) -> dict[str, Any]:
    """What the inventory says about reaching the service; it may say it in templates (`{{ inventory_hostname }}`)."""
    templar = Templar({**host.vars, "inventory_hostname": host.name})
    return {name: templar.variable(name) for name in host.vars if name in _READ or name.startswith("provision_")}


def _port(name: str, known: Mapping[str, Any]) -> int:
    port = known.get("moshi_port", known.get("provision_service_port", DEFAULT_PORT))
    try:
        return int(port)
    except (TypeError, ValueError) as error:
        raise UsageProblem(
            f"the port of the speech server on `{name}` is {port!r}", "moshi_port is a number"
        ) from error


def _open_command(name: str, known: Mapping[str, Any]) -> str:
    """What opens the firewall to the address that we have now, and to the port that the server has."""
    if "provision_instance_id" not in known:
        return ""
    opened = str(known.get("provision_service_port", DEFAULT_PORT))
    port = str(known.get("moshi_port", opened))
    return f"provision firewall {name} --mine" + (f" --port {port}" if port != opened and port.isdecimal() else "")


def _key_of(name: str, file: object) -> str:
    path = Path(str(file)).expanduser() if file else None
    if path is None or not path.exists():
        raise UsageProblem(
            f"the key of the speech server on `{name}` is not known here",
            f"there is no {path}: no deploy has come so far"
            if path
            else "the inventory has no moshi_api_key_file for it",
            f"provision deploy {name}, or: provision verify {name} --key-file FILE",
        )
    return read_key(path)


def read_key(file: Path) -> str:
    """The key in a file; one line, without its end."""
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"the key file {file} cannot be read", str(error)) from error
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageProblem(f"{file} holds no key", "a key is one line of printable ASCII without spaces")
    return key
