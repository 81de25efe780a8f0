"""Names of images, and the one image that each means."""

from __future__ import annotations

import pytest

from provision.errors import UsageProblem
from provision.gce import images
from provision.gce.images import Image
from tests.unit.gce.conftest import TableCloud


def found(project: str, name: str) -> dict[str, str]:
    link = f"https://www.googleapis.com/compute/v1/projects/{project}/global/images/{name}"
    return {"name": name, "selfLink": link, "diskSizeGb": "10"}


@pytest.fixture
def cloud() -> TableCloud:
    debian = found("debian-cloud", "debian-12-v1")
    return TableCloud(
        {
            ("Images", "get_from_family", "debian-cloud/debian-12"): debian,
            ("Images", "get_from_family", "p1/baked"): found("p1", "baked-7"),
            ("Images", "get", "p1/baked-6"): found("p1", "baked-6"),
            ("Images", "get_from_family", "ubuntu-os-cloud/ubuntu-2404-lts-amd64"): found("ubuntu-os-cloud", "u-24"),
        }
    )


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("debian-12", "projects/debian-cloud/global/images/debian-12-v1"),
        ("debian-cloud/debian-12", "projects/debian-cloud/global/images/debian-12-v1"),
        ("projects/debian-cloud/global/images/family/debian-12", "projects/debian-cloud/global/images/debian-12-v1"),
        ("ubuntu-2404", "projects/ubuntu-os-cloud/global/images/u-24"),
        ("baked", "projects/p1/global/images/baked-7"),
        ("projects/p1/global/images/baked-6", "projects/p1/global/images/baked-6"),
        (
            "https://www.googleapis.com/compute/v1/projects/p1/global/images/baked-6",
            "projects/p1/global/images/baked-6",
        ),
    ],
)
def test_every_way_to_name_an_image_gives_one_image(cloud: TableCloud, asked: str, path: str) -> None:
    image = images.resolve(cloud, asked)  # type: ignore[arg-type]
    assert (image.asked, image.path, image.disk_gb) == (asked, path, 10)


@pytest.mark.parametrize("asked", ["debian-21", "nobody/has-it", "projects/p1/global/images/gone"])
def test_an_unknown_image_lists_the_short_names(cloud: TableCloud, asked: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        images.resolve(cloud, asked)  # type: ignore[arg-type]
    assert caught.value.what == f"unknown image `{asked}`" and "ubuntu-2204" in caught.value.why


@pytest.mark.parametrize("asked", ["a/b/c", "/debian-12", "debian-cloud/"])
def test_what_is_no_name_at_all_is_refused_unasked(cloud: TableCloud, asked: str) -> None:
    with pytest.raises(UsageProblem, match="is no image"):
        images.resolve(cloud, asked)  # type: ignore[arg-type]
    assert cloud.asked == []


def test_an_image_without_a_link_is_named_by_its_project_at_least() -> None:
    cloud = TableCloud({("Images", "get_from_family", "p1/own"): {"name": "own-1"}})
    assert images.resolve(cloud, "own") == Image("own", "global/images/own-1", "own-1")  # type: ignore[arg-type]
