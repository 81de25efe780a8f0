"""Every step is a Fabric task that runs the shipped role over the connection it is given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fabric
import pytest
from invoke.collection import Collection
from invoke.exceptions import Exit

from provision import shipped, tasks
from provision.errors import UsageProblem
from provision.model import Event, Note, Problem, Result, Summary

HOST = "10.0.0.5"


class Engine:
    """Stands in for the engine and for deploy: remembers what it was asked for, and says what it was told to."""

    def __init__(self, *events: Event) -> None:
        self.events = events
        self.asked: list[tuple[Any, ...]] = []

    def __call__(self, *asked: Any) -> Iterator[Event]:
        self.asked.append(asked)
        return iter(self.events)


@pytest.fixture
def connection() -> fabric.Connection:
    return fabric.Connection(HOST, user="op")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    stand_in = Engine(Result(HOST, "a task", "changed", kind="task"), Summary({"port": 8080}))
    monkeypatch.setattr(tasks, "run", stand_in)
    monkeypatch.setattr(tasks, "deploy", stand_in)
    return stand_in


def test_a_fabfile_that_imports_all_of_it_has_every_task() -> None:
    collection = Collection.from_module(tasks)
    assert set(collection.task_names) == {name.replace("_", "-") for name in tasks.__all__}


def test_every_task_says_what_it_does() -> None:
    for name in tasks.__all__:
        assert getattr(tasks, name).__doc__


@pytest.mark.parametrize(
    ("name", "playbook"),
    [
        ("base_packages", "base.yml"),
        ("nvidia_driver", "nvidia.yml"),
        ("cuda", "cuda.yml"),
        ("gxx", "gxx.yml"),
        ("rust", "rust.yml"),
        ("systemd_unit", "service.yml"),
    ],
)
def test_a_task_runs_the_shipped_role_on_its_host(
    name: str, playbook: str, engine: Engine, connection: fabric.Connection
) -> None:
    getattr(tasks, name)(connection)
    [(plays, inventory, options)] = engine.asked
    assert {Path(play.where.file) for play in plays} == {shipped.folder("playbooks") / playbook}
    assert list(inventory.hosts) == [HOST]
    assert options.extra_vars["moshi_hosts"] == HOST


def test_the_engine_works_over_the_very_connection(
    engine: Engine, connection: fabric.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.Door, "around", lambda given: ("around", given))
    tasks.rust(connection)
    [(_, _, options)] = engine.asked
    assert options.connect(object()) == ("around", connection)


def test_what_is_not_chosen_is_left_to_the_role(engine: Engine, connection: fabric.Connection) -> None:
    tasks.cuda(connection)
    tasks.cuda(connection, version="12.8")
    chosen = [options.extra_vars for _, _, options in engine.asked]
    assert chosen == [{"moshi_hosts": HOST}, {"moshi_hosts": HOST, "cuda_version": "12.8"}]


def test_the_whole_is_the_deploy_itself(engine: Engine, connection: fabric.Connection) -> None:
    tasks.moshi_native(connection, voice_model="tone", slots=3)
    [(host, options)] = engine.asked
    assert (host, options.voice_model, options.slots, options.port) == (HOST, "tone", 3, None)
    assert options.inventory == (f"{HOST},",)


def test_it_returns_the_jobs_results(engine: Engine, connection: fabric.Connection) -> None:
    assert tasks.gxx(connection) == {"port": 8080}


def test_a_failure_is_invokes_exit_with_our_exit_code(engine: Engine, connection: fabric.Connection) -> None:
    engine.events = (Result(HOST, "a task", "failed", problem=Problem("it broke"), kind="task"), Note("unseen"))
    with pytest.raises(Exit) as left:
        tasks.gxx(connection)
    assert left.value.code == 1


def test_a_refusal_is_told_and_leaves_with_its_code(
    engine: Engine, connection: fabric.Connection, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*asked: Any) -> Iterator[Event]:
        raise UsageProblem("deploy --docker is not there yet", hint="deploy it with --native")

    monkeypatch.setattr(tasks, "deploy", refusing)
    with pytest.raises(Exit) as left:
        tasks.moshi_docker(connection)
    assert left.value.code == 2
    assert "deploy it with --native" in capsys.readouterr().err


def test_docker_is_refused_by_the_deploy_itself(connection: fabric.Connection) -> None:
    with pytest.raises(Exit) as left:
        tasks.moshi_docker(connection)
    assert left.value.code == 2


def test_the_fabfile_of_the_checkout_offers_them_all() -> None:
    text = (shipped.folder("playbooks").parent / "fabfile.py").read_text()
    assert "from provision.tasks import *" in text
