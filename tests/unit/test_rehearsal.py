"""The rehearsal is the three commands in a row, and tells at its end what they came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from provision.errors import Interrupted, ProvisionError, Unreachable
from provision.inventory.book import MachineEntry, remember
from provision.model import Event, Job, Note, Result, Section, Status, Step, Summary, Table
from provision.rehearsal import Rehearsal, parts, rehearse
from provision.settings import Folders

CREATED = {"address": "172.30.0.2", "user": "provision", "service_port": 8080, "zone": "z"}
DEPLOYED = {"address": "172.30.0.2", "port": 8081, "key_file": "/k/rehearsal.key", "changed": 3}
FIGURES = Table("measured", ("", "measured"), (("TTFA p50", "12 ms"),))


@dataclass(frozen=True)
class Played(Rehearsal):
    """A rehearsal whose three jobs are told here."""

    jobs: dict[str, Callable[[], Job]] = field(default_factory=dict)

    def create(self) -> Job:
        return self.jobs["create_vm"]()

    def deploy(self) -> Job:
        return self.jobs["deploy"]()

    def verify(self) -> Job:
        return self.jobs["verify"]()

    def delete(self) -> Job:
        return self.jobs["delete_vm"]()


def job(*events: Event, ending: BaseException | None = None) -> Callable[[], Job]:
    def run() -> Job:
        yield from events
        if ending:
            raise ending

    return run


def well(status: Status = "changed") -> dict[str, Callable[[], Job]]:
    return {
        "create_vm": job(
            Result("rehearsal", "create the machine", status),
            Summary(CREATED),
            Note("rehearsal is there", "provision deploy rehearsal --native"),
        ),
        "deploy": job(
            Section("Deploy", ("rehearsal",)),
            Result("rehearsal", "Install packages", status, kind="item", item="cmake"),
            Result("rehearsal", "Install packages", status, kind="task"),
            Summary(DEPLOYED),
            Note("rehearsal speaks", "provision verify rehearsal"),
        ),
        "verify": job(Result("rehearsal", "it speaks", "ok"), FIGURES, Summary({"verified": True})),
    }


@pytest.fixture
def place(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "state", tmp_path / "cache", tmp_path / "config")


def remembered(place: Folders) -> None:
    variables = {
        "ansible_host": "172.30.0.2",
        "ansible_user": "provision",
        "ansible_ssh_private_key_file": "/keys/id with blank",
        "ansible_ssh_common_args": "-o StrictHostKeyChecking=yes",
    }
    place.inventory.parent.mkdir(parents=True, exist_ok=True)
    remember(place.inventory, MachineEntry("rehearsal", variables, ("tts",)))


def told(place: Folders, jobs: dict[str, Callable[[], Job]], name: str = "rehearsal") -> list[Event]:
    return list(rehearse(Played(name, "delete_vm" in jobs, place, jobs)))


def summary(events: Sequence[Event]) -> dict[str, Any]:
    (last,) = (event for event in events if isinstance(event, Summary))
    return dict(last.data)


def test_the_three_commands_run_in_their_order_with_a_section_each(place: Folders) -> None:
    sections = [event for event in told(place, well()) if isinstance(event, Section)]
    assert [section.title for section in sections] == [
        "provision create-vm rehearsal",
        "provision deploy rehearsal --native",
        "Deploy",
        "provision verify rehearsal",
    ]
    assert all(section.expected_s for section in sections if section.title.startswith("provision"))


def test_the_summary_holds_those_of_the_three_steps_and_the_machine(place: Folders) -> None:
    assert summary(told(place, well())) == {
        "create_vm": CREATED,
        "deploy": DEPLOYED,
        "verify": {"verified": True},
        "machine": {
            "name": "rehearsal",
            "address": "172.30.0.2",
            "user": "provision",
            "port": 8081,
            "key_file": "/k/rehearsal.key",
        },
        "changed": 2,
    }


def test_there_is_one_summary_and_it_is_the_rehearsals(place: Folders) -> None:
    assert sum(isinstance(event, Summary) for event in told(place, well())) == 1


def test_the_hints_of_the_steps_at_the_next_command_are_left_out(place: Folders) -> None:
    commands = [event.command for event in told(place, well()) if isinstance(event, Note)]
    assert "provision deploy rehearsal --native" not in commands


def test_warnings_of_the_steps_are_kept(place: Folders) -> None:
    warned = {**well(), "deploy": job(Note("look out", "do this", level="warning"))}
    assert Note("look out", "do this", level="warning") in told(place, warned)


def test_a_repeat_says_that_nothing_had_to_change(place: Folders) -> None:
    assert Note("nothing had to change") in told(place, well("ok"))
    assert Note("nothing had to change") not in told(place, well("changed"))


def test_the_end_tells_where_it_is_and_what_comes_next(place: Folders) -> None:
    remembered(place)
    events = told(place, well())
    table = events.index(FIGURES)
    notes = [event for event in events[table:] if isinstance(event, Note)]
    assert [note.command for note in notes] == [
        "provision ssh rehearsal",
        "ssh -i '/keys/id with blank' -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes provision@172.30.0.2",
        "provision verify rehearsal",
        "provision delete-vm rehearsal --cloud local",
    ]
    assert "172.30.0.2" in notes[0].text


@pytest.mark.parametrize("status", ["failed", "unreachable"])
def test_a_step_that_fails_ends_the_rehearsal_and_says_how_to_go_on(place: Folders, status: Status) -> None:
    broken = {**well(), "deploy": job(Result("rehearsal", "compile", status))}
    events = told(place, broken)
    assert "provision verify rehearsal" not in [event.title for event in events if isinstance(event, Section)]
    (warning,) = (event for event in events if isinstance(event, Note) and event.level == "warning")
    assert warning.command == "provision rehearse"
    assert "verify" not in summary(events)
    assert summary(events)["create_vm"] == CREATED


@pytest.mark.parametrize("excuse", [{"ignored": True}, {"rescued": True}])
def test_failures_that_do_not_count_do_not_end_it(place: Folders, excuse: dict[str, bool]) -> None:
    shaky = {**well(), "deploy": job(Result("rehearsal", "compile", "failed", **excuse))}
    assert "verify" in summary(told(place, shaky))


def test_a_measurement_below_target_is_told_like_any_other_end(place: Folders) -> None:
    remembered(place)
    slow = {**well(), "verify": job(Result("rehearsal", "TTFA", "missed"), FIGURES, Summary({"verified": False}))}
    events = told(place, slow)
    assert summary(events)["verify"] == {"verified": False}
    assert any(isinstance(event, Note) and event.command == "provision ssh rehearsal" for event in events)


@pytest.mark.parametrize("error", [ProvisionError("no Docker"), Unreachable("no answer")])
def test_an_error_is_handed_on_after_what_was_done_is_told(place: Folders, error: ProvisionError) -> None:
    rehearsal = Played("rehearsal", False, place, {**well(), "deploy": job(ending=error)})
    events: list[Event] = []
    with pytest.raises(type(error)) as raised:
        events.extend(_kept(rehearse(rehearsal), events))
    assert raised.value is error
    assert summary(events)["create_vm"] == CREATED
    assert summary(events)["deploy"] == {}


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), Interrupted("interrupted", "it costs money")])
def test_an_interrupt_says_where_it_was_what_is_left_and_that_it_costs_nothing(
    place: Folders, ending: BaseException
) -> None:
    rehearsal = Played("try", False, place, {**well(), "deploy": job(Step("try", "compile"), ending=ending)})
    events: list[Event] = []
    with pytest.raises(Interrupted) as raised:
        _kept(rehearse(rehearsal), events)
    assert raised.value.why == "it was at deploy; the machine `try` may be left on this computer and costs nothing"
    assert raised.value.hint.splitlines() == [
        "provision rehearse --name try  # goes on from here",
        "provision delete-vm try --cloud local  # removes it",
    ]
    assert summary(events)["machine"]["address"] == "172.30.0.2"


def test_an_interrupt_thrown_in_from_outside_reaches_the_running_part(place: Folders) -> None:
    cleaned: list[str] = []

    def deploying() -> Job:
        try:
            yield Step("rehearsal", "compile")
        except KeyboardInterrupt:
            cleaned.append("deploy")
            raise

    running = rehearse(Played("rehearsal", False, place, {**well(), "deploy": deploying}))
    for event in running:
        if isinstance(event, Step):
            break
    assert isinstance(running.throw(KeyboardInterrupt()), Summary)  # type: ignore[attr-defined]
    with pytest.raises(Interrupted):
        next(running)
    assert cleaned == ["deploy"]


def _kept(running: Job, events: list[Event]) -> list[Event]:
    """The events, kept also when the job raises."""
    for event in running:
        events.append(event)
    return []


def test_what_is_there_already_makes_the_parts_shorter(place: Folders) -> None:
    rehearsal = Rehearsal("rehearsal", False, place)

    def expected() -> list[float]:
        return [part.expected_s for part in parts(rehearsal)]

    first = expected()
    place.artifacts.mkdir(parents=True)
    (place.artifacts / "moshi-server-0.6.4").touch()
    compiled = expected()
    remembered(place)
    place.keys.mkdir()
    (place.keys / "rehearsal.key").touch()
    repeat = expected()
    assert first[1] > 200 > compiled[1] > repeat[1]
    assert first[0] > repeat[0]
    assert sum(repeat) < 60


GONE = job(Result("rehearsal", "delete the machine", "changed"), Summary({"removed": [{"name": "rehearsal"}]}))


def test_it_may_be_removed_at_the_end_which_is_no_change_to_tell_of(place: Folders) -> None:
    events = told(place, {**well("ok"), "delete_vm": GONE})
    assert summary(events)["delete_vm"] == {"removed": [{"name": "rehearsal"}]}
    assert summary(events)["changed"] == 0
    assert not any(isinstance(event, Note) for event in events)


def test_a_rehearsal_that_failed_is_removed_too(place: Folders) -> None:
    broken = {**well(), "create_vm": job(Result("rehearsal", "boot", "failed")), "delete_vm": GONE}
    events = told(place, broken)
    assert summary(events).keys() == {"create_vm", "delete_vm", "machine", "changed"}
