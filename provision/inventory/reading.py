"""Loads inventories: files in YAML or INI, folders of both, and `host,` lists given on the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from provision.errors import UsageProblem
from provision.inventory.addresses import expand
from provision.inventory.documents import InputErrors, Location, parse, read_text
from provision.inventory.draft import Draft, folder_of
from provision.inventory.hosts import Inventory
from provision.inventory.ini_form import read_ini
from provision.inventory.places import exists, is_folder
from provision.inventory.yaml_form import read_yaml

_YAML = (".yml", ".yaml", ".json")
_LEFT_OUT = re.compile(
    r"^\.|^(host_vars|group_vars|vars_plugins)$"
    r"|(\.pyc|\.pyo|\.swp|\.bak|~|\.rpm|\.md|\.txt|\.rst|\.orig|\.ini|\.cfg|\.retry)$"
)


class InventoryErrors(InputErrors):
    """Everything that is wrong in the inventory's files."""


def load(sources: Sequence[str]) -> Inventory:
    """The inventory of all sources together; a later source adds to and overrides an earlier one."""
    draft = Draft()
    for source in sources:
        _source(source, draft)
    folders = dict.fromkeys(Path(folder_of(source)) for source in sources if not _is_list(source))
    inventory = draft.finish(tuple(sources), tuple(folders))
    if draft.faults:
        raise InventoryErrors(tuple(draft.faults))
    return inventory


def _is_list(source: str) -> bool:
    return "," in source and not exists(Path(source))


def _source(source: str, draft: Draft) -> None:
    if _is_list(source):
        _host_list(source, draft)
    elif is_folder(Path(source)):
        for entry in sorted(Path(source).iterdir()):
            if not _LEFT_OUT.search(entry.name):
                _source(str(entry), draft)
    elif exists(Path(source)):
        _file(Path(source).absolute(), draft)
    else:
        hint = f"for a single host write: -i {source},"
        raise UsageProblem(f"there is no inventory {source}", "a file, a folder, or hosts separated by commas", hint)


def _host_list(source: str, draft: Draft) -> None:
    draft.begin(source, "")
    for entry in filter(None, (part.strip() for part in source.split(","))):
        try:
            names, port = expand(entry)
        except ValueError as error:
            raise UsageProblem(f"-i {source}: {error}") from error
        for name in names:
            draft.host(name, "ungrouped", port)


def _file(path: Path, draft: Draft) -> None:
    draft.begin(str(path), str(path.parent))
    text = read_text(path)
    if text.startswith("#!") and os.access(path, os.X_OK):
        draft.fault(Location(str(path), 1), "inventory scripts are known to Ansible, not done by provision yet")
    elif path.suffix == ".toml":
        draft.fault(Location(str(path), 1), "inventories in TOML are known to Ansible, not done by provision; use YAML")
    elif path.suffix in _YAML:
        read_yaml(parse(text, str(path)), draft)
    elif path.suffix:
        read_ini(text, str(path), draft)
    else:
        _either(text, str(path), draft)


def _either(text: str, file: str, draft: Draft) -> None:
    """A file without an extension is YAML when it reads as a mapping, else INI."""
    document = parse(text, file)
    looks_like_yaml = re.search(r"^(---|[\w.-]+:)\s*$", text, re.MULTILINE) and not text.lstrip().startswith("[")
    if isinstance(document.value, dict) or looks_like_yaml:
        read_yaml(document, draft)
    else:
        read_ini(text, file, draft)
