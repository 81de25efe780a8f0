"""Which disk image a name means, resolved once so that what was booted can be told afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provision.errors import UsageProblem
from provision.gce.client import Cloud

SHORT: Mapping[str, str] = {
    "debian-12": "debian-cloud/debian-12",
    "debian-13": "debian-cloud/debian-13",
    "ubuntu-2204": "ubuntu-os-cloud/ubuntu-2204-lts",
    "ubuntu-2404": "ubuntu-os-cloud/ubuntu-2404-lts-amd64",
    "ubuntu-2204-nvidia": "ubuntu-os-accelerator-images/ubuntu-accelerator-2204-amd64-with-nvidia-580",
    "ubuntu-2404-nvidia": "ubuntu-os-accelerator-images/ubuntu-accelerator-2404-amd64-with-nvidia-580",
}


@dataclass(frozen=True)
class Image:
    """The name that was asked for and the one image it means today."""

    asked: str
    path: str
    name: str
    disk_gb: int = 0


def resolve(cloud: Cloud, asked: str) -> Image:
    """`debian-12`, PROJECT/FAMILY, FAMILY of the own project, or projects/P/global/images/I."""
    exact = re.search(r"projects/([^/]+)/global/images/(?!family/)([^/]+)$", asked)
    if exact:
        return _image(asked, _look(cloud, asked, "get", project=exact[1], image=exact[2]))
    project, family = _family(cloud, asked)
    return _image(asked, _look(cloud, asked, "get_from_family", project=project, family=family))


def _family(cloud: Cloud, asked: str) -> tuple[str, str]:
    full = re.search(r"projects/([^/]+)/global/images/family/([^/]+)$", asked)
    if full:
        return full[1], full[2]
    project, slash, family = SHORT.get(asked, asked).partition("/")
    if slash and "/" not in family and project and family:
        return project, family
    if slash:
        raise UsageProblem(f"`{asked}` is no image", "an image is NAME, PROJECT/FAMILY or projects/P/global/images/I")
    return cloud.project, project


def _look(cloud: Cloud, asked: str, method: str, **where: str) -> Mapping[str, Any]:
    found = cloud.find(f"look up image {asked}", "Images", method, **where)
    if found is None:
        raise UsageProblem(f"unknown image `{asked}`", f"short names: {', '.join(SHORT)}", "`--image debian-12`")
    return found


def _image(asked: str, found: Mapping[str, Any]) -> Image:
    link = str(found.get("selfLink", ""))
    path = link[link.find("projects/") :] if "projects/" in link else f"global/images/{found['name']}"
    return Image(asked, path, str(found["name"]), int(found.get("diskSizeGb", 0)))
