"""Filters, order and pages of lists."""

from __future__ import annotations

from typing import Any

import pytest

from provision.local.answers import ApiError
from provision.local.listing import matches, page

DOCUMENT = {
    "name": "tts-1",
    "status": "RUNNING",
    "labels": {"provision": "yes", "a.b": "dotted"},
    "guestCpus": 8,
    "deletionProtection": False,
    "tags": {"items": ["web", "ssh"]},
    "networkInterfaces": [{"networkIP": "10.0.0.2"}],
    "zone": "https://www.googleapis.com/compute/v1/projects/local/zones/us-central1-a",
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "name=tts-1",
        "name = tts-1",
        'name="tts-1"',
        "name='tts-1'",
        "(name=tts-1)",
        "name=tts-*",
        "name!=stt-1",
        "labels.provision=yes",
        "labels.provision:yes",
        "labels.provision:*",
        "labels:provision",
        "labels.a.b=dotted",
        "tags.items=ssh",
        "networkInterfaces.networkIP=10.0.0.2",
        "deletionProtection=false",
        "guestCpus=8",
        "guestCpus>4",
        "guestCpus>=8 AND guestCpus<=8",
        "guestCpus<10",
        "status=RUNNING AND labels.provision=yes",
        "status=RUNNING labels.provision=yes",
        "status=TERMINATED OR name=tts-1",
        "(status=TERMINATED OR name=tts-1) AND guestCpus=8",
        "NOT status=TERMINATED",
        "-status=TERMINATED",
        "- status=TERMINATED",
        "name eq tts.*",
        "name ne stt.*",
        r'name eq ".*\btts\-1\b.*"',
        "(name eq tts-1) (status eq RUNNING)",
        "zone eq .*us-central1-a",
        "missing!=x",
        r'name="tts\"1" OR name=tts-1',
    ],
)
def test_filters_that_hold(text: str) -> None:
    assert matches(text)(DOCUMENT)


@pytest.mark.parametrize(
    "text",
    [
        "name=tts",
        "name=1",
        "name!=tts-1",
        "name!=tts-*",
        "labels.provision=no",
        "labels.missing:*",
        "labels.missing=x",
        "tags.items=nix",
        "guestCpus>8",
        "guestCpus<8",
        "guestCpus>=9",
        "status=RUNNING AND name=stt",
        "status=TERMINATED OR name=stt",
        "status=TERMINATED OR name=tts-1 AND guestCpus=9",
        "NOT name=tts-1",
        "-name=tts-1",
        "name eq tts",
        "name ne tts.*",
        "name.deeper=x",
    ],
)
def test_filters_that_do_not_hold(text: str) -> None:
    assert not matches(text)(DOCUMENT)


@pytest.mark.parametrize(
    "text", ["name", "name=", "=x", "name=x AND", "(name=x", "name=x)", "name=x OR", "name eq [", "a b c", '"']
)
def test_filters_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(ApiError, match="Invalid list filter expression") as refusal:
        matches(text)
    assert refusal.value.code == 400


def documents(count: int) -> list[dict[str, Any]]:
    return [{"name": f"vm{number:03d}", "creationTimestamp": f"2026-01-{number + 1:02d}"} for number in range(count)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 500])
def test_pages_add_up_to_the_whole_whatever_their_size(size: int) -> None:
    found, token = [], ""
    for _ in range(8):
        items, token = page(documents(7), {"maxResults": str(size), "pageToken": token})
        assert len(items) <= size
        found += items
        if not token:
            break
    assert found == documents(7)


def test_a_page_has_five_hundred_unless_told() -> None:
    items, token = page(documents(20) * 30, {})
    assert (len(items), token != "") == (500, True)


def test_nothing_gives_one_empty_page() -> None:
    assert page([], {"maxResults": "5"}) == ([], "")


@pytest.mark.parametrize(
    "query",
    [
        {"maxResults": "501"},
        {"maxResults": "-1"},
        {"maxResults": "x"},
        {"pageToken": "x"},
        {"pageToken": "%%"},
        {"orderBy": "size"},
    ],
)
def test_what_google_refuses_in_a_list_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(ApiError) as refusal:
        page(documents(3), query)
    assert refusal.value.code == 400


def test_the_newest_may_come_first() -> None:
    items, _ = page(documents(3), {"orderBy": "creationTimestamp desc"})
    assert [item["name"] for item in items] == ["vm002", "vm001", "vm000"]


def test_names_come_in_order() -> None:
    items, _ = page(list(reversed(documents(3))), {"orderBy": "name"})
    assert items == documents(3)
