"""Renders the shipped templates with the roles' defaults, as a deploy of a small machine does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from provision import shipped
from provision.playbook.templating import Templar

PLAYBOOKS = shipped.folder("playbooks")
TEMPLATES = shipped.folder("templates") / "moshi-server"
ROLES = ("moshi_settings", "gpu_facts", "base", "gxx", "cuda_toolkit", "moshi_python", "moshi_server", "moshi_speaks")
FACTS: dict[str, Any] = {
    "inventory_hostname": "tts-1",
    "playbook_dir": str(PLAYBOOKS),
    "gpu_present": False,
    "gpu_compute_cap": "",
    "gpu_model": "unknown",
    "moshi_host": {"python": "3.11", "glibc": "2.36", "machine": "x86_64", "libdir": "/usr/lib/x86_64-linux-gnu"},
    "ansible_facts": {"distribution": "Debian", "distribution_version": "12"},
    "moshi_api_key": "K" * 40,
}
WITH_GPU = {"gpu_present": True, "gpu_compute_cap": "8.9", "gpu_model": "L4"}


def templar(**chosen: Any) -> Templar:
    """Everything a task of the deploy knows; what is `chosen` goes over it."""
    known: dict[str, Any] = {}
    for role in ROLES:
        path = PLAYBOOKS / "roles" / role / "defaults" / "main.yml"
        known.update(yaml.safe_load(path.read_text()) if path.exists() else {})
    return Templar({**known, **FACTS, **chosen})


def rendered(template: str, **chosen: Any) -> str:
    """The file that the deploy would write."""
    return templar(**chosen).render_file(TEMPLATES / template)


def golden(name: str) -> Path:
    """The stored file it is compared with."""
    return Path(__file__).parent / "golden" / name
