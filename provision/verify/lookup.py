"""From the name of a host in the inventory to the speech server that was deployed there."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from provision.errors import UsageProblem
from provision.inventory import Inventory
from provision.speech.endpoint import DEFAULT_PORT, endpoint
from provision.verify.target import SpeechTarget


def target_of(inventory: Inventory, name: str, key: str | None = None) -> SpeechTarget:
    """The server of a host, from `ansible_host`, `moshi_port` and `moshi_api_key_file`; `moshi_url` goes over them."""
    host = inventory.host(name)
    if host is None:
        near = get_close_matches(name, list(inventory.hosts), n=1)
        raise UsageProblem(
            f"the inventory knows no host `{name}`",
            f"did you mean `{near[0]}`?" if near else "",
            "provision list",
        )
    address = str(host.vars.get("ansible_host", name))
    url = str(host.vars.get("moshi_url") or endpoint(address, int(host.vars.get("moshi_port", DEFAULT_PORT))).url)
    return SpeechTarget(name, url, _key_of(name, host.vars.get("moshi_api_key_file")) if key is None else key)


def _key_of(name: str, file: object) -> str:
    if not file:
        raise UsageProblem(
            f"the key of the speech server on `{name}` is not known here",
            "the inventory does not name it (moshi_api_key_file): no deploy has come so far",
            f"provision deploy {name}, or: provision verify {name} --key-file FILE",
        )
    return read_key(Path(str(file)).expanduser())


def read_key(file: Path) -> str:
    """The key in a file; one line, without its end."""
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"the key file {file} cannot be read", str(error)) from error
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageProblem(f"{file} holds no key", "a key is one line of printable ASCII without spaces")
    return key
