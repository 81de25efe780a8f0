"""Ansible's Jinja2 filters, under their short names and as `ansible.builtin.NAME`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from provision.playbook.filters import data, digests, formats, numbers, paths, sets, text

Filter = Callable[..., Any]

TEXT_FILTERS = frozenset({"string", "to_json", "to_nice_json", "to_yaml", "to_nice_yaml"})
"""Filters whose result stays text even when it looks like a list or a mapping."""

VARYING_FILTERS = frozenset(
    ["random", "shuffle", "password_hash", "strftime", "fileglob", "realpath", "relpath", "expanduser", "expandvars"]
)
"""Filters that may answer otherwise the next time: chance, the clock, the disk, the environment."""

REFUSED = {
    "vault": "ansible-vault comes with a later version of provision",
    "unvault": "ansible-vault comes with a later version of provision",
    "json_query": "it belongs to community.general; use selectattr, map and dict2items",
    "ipaddr": "it belongs to ansible.utils",
    "ansible.utils.ipaddr": "it belongs to ansible.utils",
    "community.general.json_query": "it belongs to community.general; use selectattr, map and dict2items",
}
"""Filters known to Ansible users that are not here, and why."""


def own_filters() -> dict[str, Filter]:
    """The filters of ansible.builtin by their short names."""
    own: dict[str, Filter] = {}
    for room in (text, data, sets, numbers, paths, formats, digests):
        own.update(room.FILTERS)
    return own


def filters() -> Mapping[str, Filter]:
    """Every name a playbook may use for a filter of Ansible."""
    own = own_filters()
    qualified = {f"ansible.builtin.{name}": function for name, function in own.items()}
    return {**own, **qualified, **{name: _refusing(name, why) for name, why in REFUSED.items()}}


def _refusing(name: str, why: str) -> Filter:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise ValueError(f"the filter `{name}` is known to Ansible, not done by provision: {why}")

    return refuse
