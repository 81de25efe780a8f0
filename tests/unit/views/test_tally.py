"""Results are counted by Ansible's rules, and the exit code follows from the counts."""

from __future__ import annotations

import pytest
from ansible.executor.stats import AggregateStats

from provision.model import Note, Result, Status, Summary
from provision.views.tally import Counts, Tally

from .streams import PLAY


def tally(*results: Result) -> Tally:
    counted = Tally()
    for result in results:
        counted.add(result)
    return counted


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("ok", Counts(ok=1)),
        ("changed", Counts(ok=1, changed=1)),
        ("skipped", Counts(skipped=1)),
        ("failed", Counts(failed=1)),
        ("unreachable", Counts(unreachable=1)),
        ("missed", Counts(missed=1)),
    ],
)
def test_each_status_is_counted_where_ansible_counts_it(status: Status, counts: Counts) -> None:
    assert tally(Result("h", "t", status)).hosts == {"h": counts}


def test_an_ignored_failure_counts_as_ok_and_ignored() -> None:
    assert tally(Result("h", "t", "failed", ignored=True)).hosts["h"] == Counts(ok=1, ignored=1)


def test_an_ignored_failure_that_changed_something_counts_as_changed_too() -> None:
    counted = tally(Result("h", "t", "failed", data={"changed": True}, ignored=True))
    assert counted.hosts["h"] == Counts(ok=1, ignored=1, changed=1)


def test_an_ignored_unreachable_host_counts_as_ok_and_ignored() -> None:
    assert tally(Result("h", "t", "unreachable", ignored=True)).hosts["h"] == Counts(ok=1, ignored=1)


def test_a_rescued_failure_is_no_failure() -> None:
    counted = tally(Result("h", "t", "failed", rescued=True))
    assert counted.hosts["h"] == Counts(rescued=1)
    assert counted.exit_code == 0


def test_elements_of_a_loop_do_not_count_only_their_task_does() -> None:
    counted = tally(
        Result("h", "t", "failed", kind="item", item="a"),
        Result("h", "t", "changed", kind="item", item="b"),
        Result("h", "t", "changed", kind="task"),
    )
    assert counted.hosts["h"] == Counts(ok=1, changed=1)


def test_the_names_of_the_counts_are_those_of_ansibles_recap() -> None:
    theirs = set(AggregateStats().summarize("h")) - {"failures"} | {"failed"}
    assert theirs == set(Counts.__dataclass_fields__) - {"missed"}


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ((), 0),
        (("ok", "changed", "skipped"), 0),
        (("missed",), 5),
        (("missed", "unreachable"), 4),
        (("unreachable", "failed", "missed"), 1),
        (("failed",), 1),
    ],
)
def test_the_worst_result_gives_the_exit_code(statuses: tuple[Status, ...], code: int) -> None:
    results = [Result(f"h{number}", "t", status) for number, status in enumerate(statuses)]
    assert tally(*results).exit_code == code


def test_hosts_are_counted_apart() -> None:
    counted = tally(*(event for event in PLAY if isinstance(event, Result)))
    assert counted.hosts == {
        "tts-1": Counts(ok=7, changed=5, skipped=1, ignored=1),
        "tts-2": Counts(ok=3, unreachable=1),
    }
    assert (counted.exit_code, counted.changed) == (4, 5)


def test_summaries_are_put_together_and_other_events_change_nothing() -> None:
    counted = Tally()
    for event in (Summary({"a": 1, "b": 1}), Note("x"), Summary({"b": 2})):
        counted.add(event)
    assert counted.data == {"a": 1, "b": 2}
    assert counted.hosts == {}
