"""Known failures are told as what, why and next; unknown ones are left as they are."""

from __future__ import annotations

from typing import Any

import pytest

from provision.deploy.faults import explained
from provision.model import Problem, Result

LAST_LINES = "the last lines of the command"


def failed(text: str, **more: Any) -> Result:
    problem = Problem("moshi_install : Wait for the compile failed on tts-1 (exit code 101)", LAST_LINES, "see x.yml:1")
    return Result("tts-1", "t", "failed", data={"stderr": text, "rc": 101}, problem=problem, **more)


SEEN = {
    "error: failed to write `/var/cache/provision/target/x`\n  No space left on device (os error 28)": "disk of tts-1",
    "error: could not compile `candle-core`\n  process didn't exit successfully: (signal: 9, SIGKILL: kill)": "memory",
    "c++: fatal error: Killed signal terminated program cc1plus": "memory",
    "  [60] SSL peer certificate or SSH remote key was not OK (SSL certificate problem: self-signed)": "trust",
    "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed": "trust",
    "  [6] Could not resolve hostname (Could not resolve host: index.crates.io)": "cannot download",
    "W: Temporary failure resolving 'mirror.example'": "cannot download",
    "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (unattended-upgr)": "apt's lock",
}


OURS = {
    "no cargo 1.80 or newer, and none to be had: ... gave Request failed: CERTIFICATE_VERIFY_FAILED": "no cargo",
    "moshi-tts on tts-1 does not speak. Its last lines: No space left on device": "does not speak",
    "/var/cache/provision of tts-1 has 812 MB free, the build needs 4 GB.": "too small to compile",
}


@pytest.mark.parametrize(("text", "told"), OURS.items())
def test_what_our_roles_say_goes_before_what_they_quote(text: str, told: str) -> None:
    problem = explained(failed(text)).problem
    assert problem is not None and told in problem.what


@pytest.mark.parametrize(
    ("role", "words"),
    [("rust", "and none to be had"), ("moshi_speaks", "does not speak"), ("moshi_build", "the build needs")],
)
def test_the_words_that_give_our_roles_away_are_still_in_them(role: str, words: str) -> None:
    from provision import shipped

    folder = shipped.folder("playbooks") / "roles" / role / "tasks"
    assert any(words in path.read_text() for path in folder.glob("*.yml"))


@pytest.mark.parametrize(("text", "told"), SEEN.items())
def test_a_known_failure_says_what_why_and_next(text: str, told: str) -> None:
    problem = explained(failed(text)).problem
    assert problem is not None
    assert told in problem.what
    assert "tts-1" in problem.what and "HOST" not in problem.what + problem.why + problem.hint
    assert problem.hint


def test_the_last_lines_stay_to_be_read() -> None:
    problem = explained(failed("No space left on device")).problem
    assert problem is not None and LAST_LINES in problem.why and "exit code 101" in problem.why


def test_an_unknown_failure_is_left_as_it_is() -> None:
    result = failed("error: something never seen")
    assert explained(result) is result


def test_the_message_of_a_module_is_read_as_well() -> None:
    result = Result("tts-1", "t", "failed", data={"msg": "x"}, problem=Problem("apt failed", "Could not get lock /var"))
    problem = explained(result).problem
    assert problem is not None and "apt's lock" in problem.what


@pytest.mark.parametrize("more", [{"ignored": True}, {"rescued": True}])
def test_a_failure_that_does_not_count_is_not_explained(more: dict[str, bool]) -> None:
    result = failed("No space left on device", **more)
    assert explained(result) is result


def test_a_good_result_that_mentions_trouble_is_no_failure() -> None:
    result = Result("tts-1", "t", "ok", data={"stdout": "no space left on device"})
    assert explained(result) is result
