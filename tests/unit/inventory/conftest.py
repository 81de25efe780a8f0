"""The oracle: ansible-core's own inventory, asked the same questions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

_RUN = frozenset(
    [
        *("ansible_check_mode", "ansible_config_file", "ansible_diff_mode", "ansible_facts", "ansible_forks"),
        *("ansible_inventory_sources", "ansible_local", "ansible_playbook_python", "ansible_run_tags"),
        *("ansible_skip_tags", "ansible_verbosity", "ansible_version", "environment", "group_names", "groups"),
        *("hostvars", "inventory_hostname", "inventory_hostname_short", "omit", "playbook_dir", "vars"),
    ]
)
"""Variables of the run, which no inventory says."""


class Oracle:
    """An inventory as ansible-core reads it."""

    def __init__(self, sources: list[str], playbook_folder: Path) -> None:
        from ansible.inventory.manager import InventoryManager
        from ansible.parsing.dataloader import DataLoader
        from ansible.plugins.vars import host_group_vars
        from ansible.vars.manager import VariableManager

        for memory in (host_group_vars.FOUND, host_group_vars.NAK, host_group_vars.PATH_CACHE):
            memory.clear()
        self._loader = DataLoader()
        self._loader.set_basedir(str(playbook_folder))
        self._inventory = InventoryManager(loader=self._loader, sources=sources)
        self._variables = VariableManager(loader=self._loader, inventory=self._inventory)

    def hosts(self, pattern: str = "all", limit: str = "") -> list[str]:
        self._inventory.subset(limit or None)
        return [host.name for host in self._inventory.get_hosts(pattern)]

    def groups(self) -> Mapping[str, list[str]]:
        return {name: list(hosts) for name, hosts in self._inventory.get_groups_dict().items()}

    def groups_of(self, host: str) -> list[str]:
        return sorted(group.name for group in self._inventory.get_host(host).get_groups() if group.name != "all")

    def vars(self, host: str) -> dict[str, Any]:
        found = self._variables.get_vars(host=self._inventory.get_host(host))
        return {name: value for name, value in found.items() if name not in _RUN}


@pytest.fixture(scope="session")
def _loaded() -> None:
    from ansible.plugins.loader import init_plugin_loader

    with warnings.catch_warnings():
        # Another room's tests may have loaded it already; it warns about that.
        warnings.simplefilter("ignore")
        init_plugin_loader()


@pytest.fixture
def ansible(_loaded: None, tmp_path: Path) -> Any:
    """Reads sources with ansible-core."""

    def read(*sources: str, playbook_folder: Path = tmp_path) -> Oracle:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Oracle(list(sources), playbook_folder)

    return read


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], str]:
    """Writes a file below the test's folder."""

    def write(name: str, text: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    return write
