"""The caller's address: asked for, and never guessed."""

from __future__ import annotations

import pytest

from provision.errors import Unreachable
from provision.gce import caller
from tests.unit.gce.scripted_google import ScriptedGoogle


@pytest.mark.parametrize("text", ["203.0.113.7", "203.0.113.7\n", "2001:db8::1"])
def test_the_page_says_where_we_come_from(google: ScriptedGoogle, text: str) -> None:
    google.script((200, text))
    assert caller.public_address(google.endpoint) == text.strip()


@pytest.mark.parametrize("answer", [(200, "<html>hello"), (200, ""), (500, "203.0.113.7"), (200, "0.0.0.0/0")])
def test_anything_else_is_no_address(google: ScriptedGoogle, answer: tuple[int, str]) -> None:
    google.script(answer)
    with pytest.raises(Unreachable) as caught:
        caller.public_address(google.endpoint)
    assert "--allow" in caught.value.hint


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "nonsense", "file:///etc/nothing-here"])
def test_a_page_that_does_not_answer_is_told(url: str) -> None:
    with pytest.raises(Unreachable, match="your public address is not known"):
        caller.public_address(url)


@pytest.mark.parametrize(("address", "range_"), [("203.0.113.7", "203.0.113.7/32"), ("2001:db8::1", "2001:db8::1/128")])
def test_an_address_is_a_range_of_one(address: str, range_: str) -> None:
    assert caller.as_range(address) == range_
