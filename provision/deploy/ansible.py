"""The `ansible-playbook` command line that does what a deploy does: nobody is locked in."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from provision.deploy.job import Plan, plan
from provision.deploy.options import DeployOptions


def ansible_command(host: str, options: DeployOptions) -> str:
    """One line, ready to paste: the same playbook, inventory, variables."""
    return shlex.join(_words(plan(host, options), options))


def _words(ready: Plan, options: DeployOptions) -> list[str]:
    sources = [word for source in options.inventory for word in ("-i", _lasting(source))]
    flags = [flag for flag, wanted in (("--check", options.check), ("--diff", options.diff)) if wanted]
    # Written as JSON: `-e name=value` would make texts of numbers and lists.
    extra = json.dumps(dict(ready.variables), sort_keys=True)
    return ["ansible-playbook", *sources, "--limit", ready.host.name, "-e", extra, *flags, str(ready.playbook)]


def _lasting(source: str) -> str:
    """A path that holds wherever the line is pasted; `host,` lists as they are."""
    return source if "," in source else str(Path(source).expanduser().absolute())
