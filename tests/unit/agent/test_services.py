"""systemd and service: what is asked of systemctl, and what counts as a change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provision.agent.modules import service as service_module
from provision.agent.modules.systemd import parsed
from tests.unit.agent.fakes import FakeProcesses, a_target, printed, run

SHOW = """Id=moshi-tts.service
LoadState={load}
ActiveState={active}
UnitFileState={file}
ExecStart={{ path=/bin/x ; argv[]=/bin/x a=b ; }}
"""


def systemd(
    args: dict[str, Any],
    active: str = "active",
    file: str = "enabled",
    load: str = "loaded",
    enabled: str = "",
    **settings: Any,
) -> tuple[dict[str, Any], list[str]]:
    show = printed(SHOW.format(load=load, active=active, file=file))
    processes = FakeProcesses(
        (" show ", show),
        ("is-enabled", printed((enabled or file) + "\n", 0 if (enabled or file).startswith("enabled") else 1)),
        *settings.pop("rules", ()),
        ("systemctl", printed()),
    )
    result = run("systemd", args, a_target(processes, **settings))
    questions = (" show ", "is-enabled")
    return result, [line for line in processes.lines if not any(word in line for word in questions)]


@pytest.mark.parametrize(
    ("state", "active", "verb"),
    [
        ("started", "active", ""),
        ("started", "activating", ""),
        ("started", "reloading", ""),
        ("started", "inactive", "start"),
        ("started", "failed", "start"),
        ("stopped", "active", "stop"),
        ("stopped", "activating", "stop"),
        ("stopped", "deactivating", "stop"),
        ("stopped", "inactive", ""),
        ("stopped", "failed", ""),
        ("restarted", "active", "restart"),
        ("restarted", "inactive", "start"),
        ("reloaded", "active", "reload"),
        ("reloaded", "inactive", "start"),
    ],
)
@pytest.mark.parametrize("check", [False, True])
def test_states(state: str, active: str, verb: str, check: bool) -> None:
    result, lines = systemd({"name": "moshi-tts", "state": state}, active=active, check=check)
    assert result["changed"] is bool(verb)
    assert lines == ([f"/bin/systemctl {verb} moshi-tts"] if verb and not check else [])
    assert result["state"] == {"restarted": "started", "reloaded": "started"}.get(state, state)
    assert result["status"]["ActiveState"] == active


@pytest.mark.parametrize(
    ("wanted", "file", "verb"),
    [(True, "enabled", ""), (True, "disabled", "enable"), (False, "enabled", "disable"), (False, "disabled", "")],
)
def test_starting_at_boot(wanted: bool, file: str, verb: str) -> None:
    result, lines = systemd({"name": "moshi-tts", "enabled": wanted}, file=file)
    assert result["changed"] is bool(verb) and result["enabled"] is wanted
    assert lines == ([f"/bin/systemctl {verb} moshi-tts"] if verb else [])


def test_what_is_enabled_until_the_next_boot_only_counts_as_disabled() -> None:
    _, lines = systemd({"name": "x", "enabled": True}, file="enabled-runtime", enabled="enabled-runtime")
    assert lines == ["/bin/systemctl enable x"]


def test_masking() -> None:
    assert systemd({"name": "x", "masked": True})[1] == ["/bin/systemctl mask x"]
    assert systemd({"name": "x", "masked": True}, enabled="masked")[1] == []
    assert systemd({"name": "x", "masked": False}, enabled="masked")[1] == ["/bin/systemctl unmask x"]


def test_unmask_enable_and_start_in_that_order() -> None:
    args = {"name": "x", "masked": False, "enabled": True, "state": "started"}
    _, lines = systemd(args, active="inactive", file="masked", load="masked", enabled="masked")
    assert [line.split()[1] for line in lines] == ["unmask", "enable", "start"]


def test_files_are_read_again_first_and_that_is_no_change() -> None:
    result, lines = systemd({"name": "x", "daemon_reload": True, "state": "started"})
    assert lines == ["/bin/systemctl daemon-reload"] and result["changed"] is False
    assert systemd({"daemon_reload": True})[1] == ["/bin/systemctl daemon-reload"]
    assert systemd({"daemon_reexec": True})[1] == ["/bin/systemctl daemon-reexec"]
    assert systemd({"daemon_reload": True}, check=True)[1] == []


def test_scope_and_options() -> None:
    args = {"name": "x", "state": "restarted", "scope": "user", "no_block": True, "force": True}
    assert systemd(args)[1] == ["/bin/systemctl --user --no-block --force restart x"]


def test_a_unit_that_does_not_exist_is_told() -> None:
    for args in ({"state": "started"}, {"enabled": True}):
        result, lines = systemd({"name": "nothing", **args}, load="not-found")
        assert result["msg"] == "Could not find the requested service nothing: host" and lines == []


def test_a_unit_that_does_not_exist_can_be_masked() -> None:
    assert systemd({"name": "nothing", "masked": True}, load="not-found")[0]["changed"] is True


def test_a_service_that_does_not_start_is_told_with_systemds_words() -> None:
    broken = ("start x", printed("", 1, "Job for x.service failed because of a timeout.\n"))
    result, _ = systemd({"name": "x", "state": "started"}, active="inactive", rules=[broken])
    assert result["msg"] == "Unable to start service x: Job for x.service failed because of a timeout."
    assert result["rc"] == 1


def test_patterns_are_refused() -> None:
    assert "glob patterns" in systemd({"name": "x*", "state": "started"})[0]["msg"]


def test_systemctl_is_told_where_the_users_bus_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    processes = FakeProcesses(("", printed(SHOW.format(load="loaded", active="active", file="enabled"))))
    run("systemd", {"name": "x", "state": "started", "scope": "user"}, a_target(processes))
    assert str((processes.started[0].environment or {})["XDG_RUNTIME_DIR"]).startswith("/run/user/")


def test_properties_may_go_over_several_lines() -> None:
    text = "A=1\nExecStart={ path=/x ; argv[]=/x a\nb\n c }\nB=x=y\nDescription={open\nC=2\n"
    assert parsed(text) == {
        "A": "1",
        "ExecStart": "{ path=/x ; argv[]=/x a\nb\n c }",
        "B": "x=y",
        "Description": "{open",
        "C": "2",
    }


@pytest.fixture
def no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    real = service_module.os.path.isdir
    monkeypatch.setattr(service_module.os.path, "isdir", lambda path: path != "/run/systemd/system" and real(path))
    monkeypatch.setattr(service_module.os.path, "exists", lambda path: path == "/etc/init.d/x" or Path(path).is_file())


@pytest.fixture
def with_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    real = service_module.os.path.isdir
    monkeypatch.setattr(service_module.os.path, "isdir", lambda path: path == "/run/systemd/system" or real(path))


@pytest.mark.usefixtures("with_systemd")
def test_service_is_systemd_where_that_is_in_charge() -> None:
    processes = FakeProcesses(
        (" show ", printed(SHOW.format(load="loaded", active="inactive", file="enabled"))), ("", printed())
    )
    target = a_target(processes)
    result = run("service", {"name": "x", "state": "started", "sleep": 3, "arguments": "-v"}, target)
    assert processes.lines[-1] == "/bin/systemctl start x" and result["changed"] is True
    assert target.warnings == [
        'Ignoring "sleep" as it is not used in "systemd"',
        'Ignoring "arguments" as it is not used in "systemd"',
    ]


@pytest.mark.usefixtures("no_systemd")
@pytest.mark.parametrize(
    ("state", "running", "wanted"),
    [
        ("started", True, []),
        ("started", False, ["/bin/service x start"]),
        ("stopped", True, ["/bin/service x stop"]),
        ("restarted", True, ["/bin/service x restart"]),
        ("reloaded", True, ["/bin/service x reload"]),
    ],
)
def test_init_scripts(state: str, running: bool, wanted: list[str]) -> None:
    processes = FakeProcesses(("status", printed(rc=0 if running else 3)), ("", printed()))
    result = run("service", {"name": "x", "state": state}, a_target(processes))
    assert [line for line in processes.lines if "status" not in line] == wanted
    assert result["changed"] is bool(wanted)


@pytest.mark.usefixtures("no_systemd")
def test_an_init_script_that_is_not_there_and_ways_that_we_do_not_know() -> None:
    assert "Could not find" in run("service", {"name": "y", "state": "started"})["msg"]
    assert "only systemd and init scripts" in run("service", {"name": "x", "state": "started", "use": "openrc"})["msg"]
    assert "pattern" in run("service", {"name": "x", "state": "started", "pattern": "xd"})["msg"]
