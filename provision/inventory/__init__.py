"""Ansible inventories: hosts, groups and their variables, from YAML, INI, folders of both, or `host,` lists."""

from provision.inventory.hosts import Group, Host, Inventory
from provision.inventory.reading import InventoryErrors, load

__all__ = ["Group", "Host", "Inventory", "InventoryErrors", "load"]
