"""The deploy as a job: what it asks of the engine, and what it makes of the engine's events."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provision.deploy import job as deploying
from provision.deploy.job import NO_KEY_YET, deploy, plan
from provision.deploy.options import DeployOptions
from provision.deploy.story import LAST, Story
from provision.engine.options import RunOptions
from provision.errors import ProvisionError, UsageProblem
from provision.inventory import load
from provision.inventory.book import MachineEntry, remember
from provision.model import Event, Note, Output, Problem, Progress, Result, Step, Summary
from provision.settings import Folders

HEARD = Result("tts-1", LAST, "ok", kind="task")
WAIT = "moshi_install : Wait for the compile"


class Engine:
    """Stands in for the engine: says what it was told to, and remembers what it was asked."""

    def __init__(self, *events: Event) -> None:
        self.events = events
        self.asked: list[RunOptions] = []

    def __call__(self, plays: Any, inventory: Any, options: RunOptions) -> Iterator[Event]:
        self.asked.append(options)
        yield from self.events


@pytest.fixture
def options(tmp_path: Path) -> DeployOptions:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(
        "tts:\n  hosts:\n"
        "    tts-1: {ansible_host: 10.0.0.5, moshi_port: 9090}\n"
        "    tts-2: {moshi_api_key_file: /keys/two}\n"
    )
    places = Folders(tmp_path / "state", tmp_path / "cache", tmp_path / "config")
    return DeployOptions((str(inventory),), places)


@pytest.fixture
def own(options: DeployOptions) -> DeployOptions:
    """The tool's own inventory, as create-vm writes it."""
    path = options.folders.inventory
    variables = {"ansible_host": "10.0.0.5", "moshi_api_key_file": str(options.folders.keys / "tts-1.key")}
    remember(path, MachineEntry("tts-1", variables, ("tts",)))
    return replace(options, inventory=(str(path),))


def run(monkeypatch: pytest.MonkeyPatch, options: DeployOptions, *events: Event) -> tuple[list[Event], RunOptions]:
    engine = Engine(*events, HEARD)
    monkeypatch.setattr(deploying, "run", engine)
    return list(deploy("tts-1", options)), engine.asked[0]


def done(status: Any, title: str = "a task", **more: Any) -> Result:
    return Result("tts-1", title, status, kind="task", **more)


def test_the_engine_gets_the_host_the_variables_and_the_modes(
    monkeypatch: pytest.MonkeyPatch, options: DeployOptions
) -> None:
    _, asked = run(monkeypatch, replace(options, slots=3, diff=True))
    assert (asked.limit, asked.diff, asked.check) == ("tts-1", True, False)
    assert asked.extra_vars["moshi_hosts"] == "tts-1"
    assert asked.extra_vars["moshi_slots"] == 3
    assert asked.connect is options.connect


def test_the_key_is_made_before_anything_runs(monkeypatch: pytest.MonkeyPatch, options: DeployOptions) -> None:
    _, asked = run(monkeypatch, options)
    key = options.folders.keys / "tts-1.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert asked.extra_vars["moshi_api_key_file"] == str(key)


def test_the_key_itself_is_no_extra_variable(monkeypatch: pytest.MonkeyPatch, options: DeployOptions) -> None:
    _, asked = run(monkeypatch, options)
    key = (options.folders.keys / "tts-1.key").read_text().strip()
    assert key not in str(asked.extra_vars)


def test_a_dry_run_makes_no_key(monkeypatch: pytest.MonkeyPatch, options: DeployOptions) -> None:
    _, asked = run(monkeypatch, replace(options, check=True))
    assert not options.folders.keys.exists()
    assert asked.extra_vars["moshi_api_key"] == NO_KEY_YET


def test_a_dry_run_of_a_deployed_host_compares_with_its_real_key(
    monkeypatch: pytest.MonkeyPatch, options: DeployOptions
) -> None:
    run(monkeypatch, options)
    _, asked = run(monkeypatch, replace(options, check=True))
    assert "moshi_api_key" not in asked.extra_vars


def test_cargos_bar_becomes_progress_and_its_repeats_are_dropped(
    monkeypatch: pytest.MonkeyPatch, options: DeployOptions
) -> None:
    def bar(done: int, crates: str) -> Output:
        return Output("tts-1", WAIT, f"    Building [=>   ] {done}/484: {crates}", "stderr")

    events, _ = run(monkeypatch, options, bar(1, "a"), bar(1, "a, b"), bar(2, "b"))
    assert [event.done for event in events if isinstance(event, Progress)] == [1, 2]


def test_other_output_passes(monkeypatch: pytest.MonkeyPatch, options: DeployOptions) -> None:
    line = Output("tts-1", WAIT, "   Compiling libc v0.2.171", "stderr")
    events, _ = run(monkeypatch, options, line)
    assert line in events


def test_the_compile_is_announced_with_its_duration(monkeypatch: pytest.MonkeyPatch, options: DeployOptions) -> None:
    events, _ = run(monkeypatch, options, Step("tts-1", WAIT, "task"))
    assert next(event for event in events if isinstance(event, Step)).expected_s


def test_a_known_failure_is_explained_and_nothing_is_promised(
    monkeypatch: pytest.MonkeyPatch, options: DeployOptions
) -> None:
    problem = Problem("x failed", "No space left on device")
    events, _ = run(monkeypatch, options, done("failed", problem=problem))
    first = events[0]
    assert isinstance(first, Result) and first.problem is not None
    assert "disk of tts-1 is full" in first.problem.what
    assert not [event for event in events if isinstance(event, (Summary, Note))]


def test_it_ends_with_the_results_and_the_next_command(monkeypatch: pytest.MonkeyPatch, options: DeployOptions) -> None:
    facts = {"moshi_binary_source": "compile", "moshi_artifact": "moshi-server-0.6.4-cpu"}
    events, _ = run(monkeypatch, options, done("ok", data={"ansible_facts": facts}), done("changed"))
    summary, note = events[-2:]
    assert isinstance(summary, Summary)
    assert summary.data == {
        "host": "tts-1",
        "address": "10.0.0.5",
        "port": 9090,
        "url": "ws://10.0.0.5:9090/api/tts_streaming",
        "key_file": str(options.folders.keys / "tts-1.key"),
        "voice_model": "auto",
        "changed": 1,
        "binary": {"version": "0.6.4", "name": "moshi-server-0.6.4-cpu", "source": "compiled"},
    }
    assert isinstance(note, Note) and note.text == "tts-1 speaks"


def test_a_repeat_says_that_nothing_had_to_change(monkeypatch: pytest.MonkeyPatch, options: DeployOptions) -> None:
    events, _ = run(monkeypatch, options, done("ok"))
    last = events[-1]
    assert isinstance(last, Note) and last.text == "nothing had to change on tts-1"


def test_the_next_command_says_what_it_cannot_find_out(monkeypatch: pytest.MonkeyPatch, options: DeployOptions) -> None:
    """The inventory is not the tool's own, and does not name the key file."""
    events, _ = run(monkeypatch, options)
    [inventory], key = options.inventory, options.folders.keys / "tts-1.key"
    assert events[-1] == Note(
        "nothing had to change on tts-1", f"provision verify tts-1 -i {inventory} --key-file {key}"
    )


def test_in_the_tools_own_inventory_the_name_is_enough(own: DeployOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    events, _ = run(monkeypatch, own)
    assert events[-1] == Note("nothing had to change on tts-1", "provision verify tts-1")


def test_what_was_chosen_holds_for_the_next_deploy_without_options(
    own: DeployOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, replace(own, slots=8, port=9000))
    said = load(own.inventory).hosts["tts-1"].vars
    assert (said["moshi_slots"], said["moshi_port"], said["ansible_host"]) == (8, 9000, "10.0.0.5")
    assert load(own.inventory).groups["tts"].hosts == ("tts-1",)


def test_a_dry_run_and_a_failure_choose_nothing(own: DeployOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    before = own.folders.inventory.read_bytes()
    run(monkeypatch, replace(own, slots=8, check=True))
    run(monkeypatch, replace(own, slots=8), done("failed", problem=Problem("x")))
    assert own.folders.inventory.read_bytes() == before


def test_a_deploy_without_options_leaves_the_inventory_alone(
    own: DeployOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = own.folders.inventory.stat().st_mtime_ns
    run(monkeypatch, own)
    assert own.folders.inventory.stat().st_mtime_ns == before


def test_an_inventory_that_is_not_ours_is_not_written(options: DeployOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Path(options.inventory[0]).read_bytes()
    run(monkeypatch, replace(options, slots=8))
    assert Path(options.inventory[0]).read_bytes() == before
    assert not options.folders.inventory.exists()


def test_a_dry_run_names_the_command_that_does_it(monkeypatch: pytest.MonkeyPatch, options: DeployOptions) -> None:
    events, _ = run(monkeypatch, replace(options, check=True), done("changed"), done("changed"))
    assert events[-1] == Note(
        "dry run: 2 steps would change tts-1", f"provision deploy tts-1 -i {options.inventory[0]}"
    )


@pytest.mark.parametrize("events", [(), (done("ok"), done("changed"))])
def test_a_run_that_was_never_heard_to_speak_is_no_success(
    monkeypatch: pytest.MonkeyPatch, options: DeployOptions, events: tuple[Event, ...]
) -> None:
    monkeypatch.setattr(deploying, "run", Engine(*events))
    with pytest.raises(ProvisionError, match="did not run to its end"):
        list(deploy("tts-1", options))


def test_an_unknown_host_is_refused_with_the_nearest_name(options: DeployOptions) -> None:
    with pytest.raises(UsageProblem) as refused:
        plan("tts-11", options)
    assert "tts-1" in refused.value.why
    assert refused.value.hint == "provision deploy tts-1 --native"


def test_a_host_like_no_other_is_refused_with_the_way_to_make_one(options: DeployOptions) -> None:
    with pytest.raises(UsageProblem) as refused:
        plan("speech", options)
    assert refused.value.hint == "provision create-vm speech"


def test_a_template_in_the_inventory_is_rendered(options: DeployOptions) -> None:
    Path(options.inventory[0]).write_text(
        "tts:\n  hosts:\n    tts-1: {provision_service_port: 9443}\n"
        "  vars: {moshi_api_key_file: '/keys/{{ inventory_hostname }}', ansible_host: '{{ inventory_hostname }}.lan'}\n"
    )
    ready = plan("tts-1", options)
    assert ready.key_file == Path("/keys/tts-1")
    told = deploying.summary(ready, Story())
    assert (told["address"], told["port"]) == ("tts-1.lan", 9443)


def test_the_inventorys_own_key_file_is_used(options: DeployOptions) -> None:
    assert plan("tts-2", options).key_file == Path("/keys/two")


def test_wrong_options_are_refused_before_the_inventory_is_read(options: DeployOptions) -> None:
    with pytest.raises(UsageProblem, match="docker"):
        plan("tts-1", replace(options, docker=True, inventory=("/nowhere",)))


def test_refusals_come_at_the_call_and_not_at_the_first_event(options: DeployOptions) -> None:
    with pytest.raises(UsageProblem):
        deploy("speech", options)
