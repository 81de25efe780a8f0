"""Packages, services, accounts, waiting and the web: the corners of each module, as commands and results."""

from __future__ import annotations

import http.client
import io
import os
import socket
import ssl
import time
import urllib.error
from email.message import Message
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provision.agent import accounts, apt_get, connections, web
from provision.agent.arguments import parse as parse_arguments
from provision.agent.errors import Failed, Stopped
from provision.agent.modules import apt as apt_module
from provision.agent.modules import service as service_module
from provision.agent.modules import user_keys, wait_for
from provision.agent.modules.apt_repository import parsed, with_source, without_source
from provision.agent.packages import installed_from, parse
from provision.agent.process import Command, Completed
from provision.agent.specs import SPECS
from tests.unit.agent.fakes import FakeProcesses, a_target, printed, run

# ---- apt -------------------------------------------------------------------------------------------------------------


class Debian(FakeProcesses):
    """A machine whose apt-get installs and removes what it is told."""

    def __init__(self, *has: str, rules: tuple[Any, ...] = ()) -> None:
        super().__init__(
            *rules, ("dpkg-query", self._list), ("--simulate", self._simulate), ("apt-get", self._act), ("", printed())
        )
        self.has = set(has)

    def _list(self, command: Command) -> Completed:
        return printed("".join(f"{name}\tamd64\t1.0\tinstalled\t\n" for name in sorted(self.has)))

    def _words(self, command: Command) -> tuple[str, set[str]]:
        words = list(command.argv)
        verb = next(word for word in words if word in ("install", "remove"))
        return verb, set(words[words.index(verb) + 1 :])

    def _simulate(self, command: Command) -> Completed:
        verb, names = self._words(command)
        moves = names - self.has if verb == "install" else names & self.has
        line = {"install": "Inst", "remove": "Remv"}[verb]
        come, gone = (len(moves), 0) if verb == "install" else (0, len(moves))
        summary = f"0 upgraded, {come} newly installed, {gone} to remove and 0 not upgraded.\n"
        return printed("".join(f"{line} {name}\n" for name in sorted(moves)) + summary)

    def _act(self, command: Command) -> Completed:
        verb, names = self._words(command)
        self.has = self.has | names if verb == "install" else self.has - names
        return printed(f"{verb}ed\n")

    @property
    def acts(self) -> list[str]:
        """What was done for real: verb and names."""
        lines = [line for line in self.lines if "apt-get" in line and "--simulate" not in line]
        return [line[line.rindex("force-confold ") + 14 :] for line in lines]


@pytest.fixture(autouse=True)
def apt_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LISTS", "STAMP", "POLICY"):
        monkeypatch.setattr(apt_get, name, str(tmp_path / name))
    monkeypatch.setattr(apt_module, "_EXTENDED_STATES", str(tmp_path / "states"))


@pytest.mark.parametrize(
    ("args", "acts", "has"),
    [
        ({"name": "curl"}, ["install curl"], {"jq", "curl"}),
        ({"name": ["jq", "curl", "git"]}, ["install curl git"], {"jq", "curl", "git"}),
        ({"name": "curl", "state": "latest"}, ["install curl"], {"jq", "curl"}),
        ({"name": "jq", "state": "latest"}, [], {"jq"}),
        ({"name": "jq,nothing", "state": "absent"}, ["remove jq"], set()),
        ({"name": "j*", "state": "absent"}, ["remove jq"], set()),
        ({"name": "nothing", "state": "absent", "purge": True}, [], {"jq"}),
        (
            {"name": "jq", "state": "absent", "purge": True, "autoremove": True},
            ["--purge --auto-remove remove jq"],
            set(),
        ),
        ({"name": "curl", "only_upgrade": True}, [], {"jq"}),
    ],
)
def test_what_apt_is_told_is_told_once(args: dict[str, Any], acts: list[str], has: set[str]) -> None:
    machine = Debian("jq")
    foretold = run("apt", args, a_target(machine, check=True))
    assert machine.acts == [] and machine.has == {"jq"}
    result = run("apt", args, a_target(machine))
    assert foretold["changed"] is result["changed"] is bool(acts)
    assert machine.has == has
    assert [act.replace("--only-upgrade ", "") for act in machine.acts] == acts
    again = run("apt", args, a_target(machine))
    assert again["changed"] is False and len(machine.acts) == len(acts)


def test_the_diff_of_a_removal_is_what_goes() -> None:
    result = run("apt", {"name": "jq", "state": "absent"}, a_target(Debian("jq"), check=True, diff=True))
    assert result["diff"] == [{"before": "jq\n", "after": ""}]


@pytest.mark.parametrize(
    ("args", "msg"),
    [
        ({"name": ["*", "jq"], "state": "latest"}, "unable to install additional packages"),
        ({"name": "no-such-*"}, "No package(s) matching 'no-such-*' available"),
        ({"name": "curl=9*"}, "no available installation candidate for curl=9*"),
        ({"deb": "/no/such.deb"}, "Unable to install package: /no/such.deb is not there"),
        ({"deb": "/x.deb", "state": "absent"}, "deb only supports state=present"),
        ({"name": "a b c"}, "invalid package spec: a b c"),
    ],
)
def test_what_apt_cannot_do_is_told_before_anything_is_done(args: dict[str, Any], msg: str) -> None:
    machine = Debian("jq")
    result = run("apt", args, a_target(machine))
    assert result["failed"] and msg in result["msg"] and machine.acts == []


def test_a_machine_without_apt_is_told() -> None:
    result = run("apt", {"name": "jq"}, a_target(FakeProcesses(missing=["apt-get"])))
    assert result["failed"] and 'required executable "apt-get"' in result["msg"]


def test_a_wait_for_the_lock_can_be_stopped() -> None:
    target = a_target()

    def locked(command: Command) -> Completed:
        target.stop.now("cancelled")
        return printed("", 100, "E: Could not get lock /var/lib/dpkg/lock-frontend\n")

    processes = FakeProcesses(("dpkg-query", printed()), ("apt-get", locked))
    target._processes = processes
    with pytest.raises(Stopped):
        run("apt", {"name": "curl"}, target)
    assert len(processes.lines) == 2


def test_the_stamp_tells_when_lists_were_fetched_or_else_their_folder(tmp_path: Path) -> None:
    assert apt_get.lists_time() == 0
    for name, when in (("LISTS", 1000), ("STAMP", 2000)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (when, when))
        assert apt_get.lists_time() == when


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        ("0 upgraded, 0 newly installed, 0 to remove and 3 not upgraded.\n", True),
        ("0 upgraded, 0 newly installed, 0 downgraded, 0 to remove and 0 not upgraded.\n", True),
        ("0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.\n", False),
        ("Conf jq (1.0)\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n", False),
        ("Purg jq\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n", False),
        ("", False),
    ],
)
def test_a_simulation_that_does_nothing_says_so(text: str, nothing: bool) -> None:
    assert apt_get.does_nothing(printed(text)) is nothing


@pytest.mark.parametrize("status", ["half-configured", "triggers-awaited", "triggers-pending", "installed"])
def test_packages_that_dpkg_is_still_busy_with_are_installed(status: str) -> None:
    assert installed_from(f"jq\tamd64\t1.6\t{status}\t").version(parse("jq")) == "1.6"
    assert installed_from("jq\tamd64\t1.6\thalf-installed\t").version(parse("jq")) is None


def test_a_virtual_package_is_there_with_any_of_its_providers() -> None:
    has = installed_from(
        "postfix\tamd64\t3.7\tinstalled\tmail-transport-agent, x (= 1)\nexim\tamd64\t4\tconfig-files\tx\n"
    )
    assert has.present(parse("mail-transport-agent")) and has.version(parse("x")) == "3.7"
    assert not has.present(parse("exim"))


# ---- apt_repository --------------------------------------------------------------------------------------------------

SOURCE = "deb http://x.example.org stable main"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"# {SOURCE}\nother\n", f"{SOURCE}\nother\n"),
        (f"{SOURCE} # why\n", f"{SOURCE} # why\n"),
        (f"#{SOURCE} # why\n", f"{SOURCE} # why\n"),
        ("deb  http://x.example.org\tstable  main\n", "deb  http://x.example.org\tstable  main\n"),
    ],
)
def test_a_source_is_switched_on_where_it_stands(before: str, after: str) -> None:
    once = with_source({"/a.list": before}, SOURCE, {"filename": None})
    assert once == {"/a.list": after}
    assert with_source(once, SOURCE, {"filename": None}) == once


def test_a_source_that_is_switched_off_is_no_source_to_remove() -> None:
    files = {"/a.list": f"# {SOURCE}\n", "/b.list": f"{SOURCE}\n", "/c.list": f"keep\n{SOURCE} # x\n"}
    assert without_source(files, SOURCE) == {"/a.list": f"# {SOURCE}\n", "/c.list": "keep\n"}


def test_a_kind_that_apt_does_not_know_is_no_source() -> None:
    assert parsed("rpm http://x stable").source == "" and parsed("## deb http://x y").source == ""
    assert parsed("deb-src http://x y").source == "deb-src http://x y"


# ---- service ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_systemd(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """A machine with an init script x; the links of its runlevels may be filled in."""
    links: dict[str, list[str]] = {}
    monkeypatch.setattr(service_module.os.path, "isdir", lambda path: path in links)
    monkeypatch.setattr(service_module.os.path, "exists", lambda path: path == "/etc/init.d/x")
    monkeypatch.setattr(service_module.os, "listdir", lambda path: links[path])
    return links


@pytest.mark.parametrize(
    ("links", "wanted", "lines"),
    [
        (["S01x"], True, []),
        (["S01x"], False, ["update-rc.d x disable"]),
        (["K01x"], True, ["update-rc.d x defaults", "update-rc.d x enable"]),
        (["S01xyz", "S02y"], True, ["update-rc.d x defaults", "update-rc.d x enable"]),
        ([], False, []),
    ],
)
def test_init_scripts_at_boot(
    no_systemd: dict[str, list[str]], links: list[str], wanted: bool, lines: list[str]
) -> None:
    no_systemd["/etc/rc3.d"] = links
    for check in (True, False):
        processes = FakeProcesses(("", printed()))
        result = run("service", {"name": "x", "enabled": wanted}, a_target(processes, check=check))
        assert result["changed"] is bool(lines)
        assert processes.lines == ([] if check else [f"/bin/{line}" for line in lines])


@pytest.mark.usefixtures("no_systemd")
def test_a_restart_with_a_pause_is_a_stop_and_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    processes = FakeProcesses(("", printed()))
    target = a_target(processes)
    paused: list[float] = []
    monkeypatch.setattr(target, "sleep", lambda seconds: paused.append(len(processes.lines)))
    run("service", {"name": "x", "state": "restarted", "sleep": 3, "arguments": "-v now"}, target)
    assert processes.lines == ["/bin/service x status", "/bin/service x stop -v now", "/bin/service x start -v now"]
    assert paused == [2]


@pytest.mark.usefixtures("no_systemd")
def test_an_init_script_that_fails_is_told_with_its_words() -> None:
    processes = FakeProcesses(("status", printed(rc=3)), ("start", printed("", 1, "x: bad config\n")))
    result = run("service", {"name": "x", "state": "started"}, a_target(processes))
    assert (result["failed"], result["msg"], result["rc"]) == (True, "x: bad config", 1)


# ---- systemd ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "rc", "enabled"),
    [
        ("static", 0, True),
        ("generated", 0, True),
        ("indirect", 0, False),
        ("alias", 0, False),
        ("enabled-runtime", 0, False),
        ("masked", 1, False),
        ("", 1, False),
    ],
)
def test_what_systemd_calls_enabled(word: str, rc: int, enabled: bool) -> None:
    processes = FakeProcesses(
        (" show ", printed(f"LoadState=loaded\nActiveState=active\nUnitFileState={word}\n")),
        ("is-enabled", printed(word + "\n", rc)),
        ("", printed()),
    )
    result = run("systemd", {"name": "x", "enabled": True}, a_target(processes))
    assert result["changed"] is (not enabled)
    assert [line for line in processes.lines if line.endswith(" enable x")] == (
        [] if enabled else ["/bin/systemctl enable x"]
    )


@pytest.mark.parametrize(
    ("rules", "args", "msg"),
    [
        (
            [("daemon-reload", printed("", 4, "no bus"))],
            {"daemon_reload": True},
            "failure 4 during daemon-reload: no bus",
        ),
        ([("show", printed("", 1, "no bus\n"))], {}, "systemd does not answer about x: no bus"),
        ([("show", printed("LoadState=bad-setting\nLoadError=line 3\n"))], {}, "Error loading unit file 'x': line 3"),
        ([("show", printed(""))], {}, "Could not find the requested service x: host"),
        (
            [("mask", printed("", 1, "read-only\n")), ("", printed())],
            {"masked": True},
            "Failed to mask the service (x): read-only",
        ),
    ],
)
def test_what_systemd_cannot_do_is_told(rules: list[Any], args: dict[str, Any], msg: str) -> None:
    wanted = {"name": "x", **({} if "masked" in args else {"state": "started"}), **args}
    result = run("systemd", wanted, a_target(FakeProcesses(*rules, ("", printed()))))
    assert result["failed"] and result["msg"] == msg


# ---- accounts --------------------------------------------------------------------------------------------------------


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("users", "ann:x:1000:1000:Ann:/tmp:/bin/sh\n"), ("groups", "ann:x:1000:\n"), ("secret", "")):
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(getattr(accounts, name), "__defaults__", (str(tmp_path / name),))
    return tmp_path


def test_a_user_is_made_once_and_reported(users: Path) -> None:
    def make(command: Command) -> Completed:
        (users / "users").write_text("bob:x:1001:1001:Bob:/tmp:/bin/sh\n")
        return printed()

    processes = FakeProcesses(("luseradd", make))
    args = {"name": "bob", "local": True, "comment": "Bob"}
    assert run("user", args, a_target(processes, check=True))["changed"] is True and processes.lines == []
    first = run("user", args, a_target(processes))
    assert (first["changed"], first["uid"], first["home"], first["state"]) == (True, 1001, "/tmp", "present")
    assert run("user", args, a_target(processes))["changed"] is False
    assert processes.lines == ["/bin/luseradd -c Bob bob"]


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ({}, "userdel root"),
        ({"remove": True}, "userdel -r root"),
        ({"force": True, "remove": True}, "userdel -f -r root"),
        ({"local": True, "force": True, "name": "ann"}, "luserdel ann"),
    ],
)
def test_a_user_is_removed_with_what_is_asked_for(users: Path, args: dict[str, Any], line: str) -> None:
    processes = FakeProcesses(("", printed()))
    wanted = {"name": "root", "state": "absent", **args}
    assert run("user", wanted, a_target(processes, check=True))["changed"] is True and processes.lines == []
    assert run("user", wanted, a_target(processes))["changed"] is True and processes.lines == [f"/bin/{line}"]


def test_a_key_that_is_there_is_made_again_only_by_force(users: Path) -> None:
    account = accounts.users()["ann"]._replace(home=str(users))
    args = {"name": "ann", "generate_ssh_key": True, "ssh_key_file": "key", "ssh_key_type": "rsa", "force": False}
    assert user_keys.look(args, a_target(), account) is not None
    (users / "key").touch()
    assert user_keys.look(args, a_target(), account) is None
    assert user_keys.look({**args, "force": True}, a_target(), account) is not None
    assert user_keys.look({**args, "ssh_key_file": str(users / "elsewhere")}, a_target(), account) is not None
    assert user_keys.look({**args, "generate_ssh_key": False}, a_target(), None) is None


def test_a_program_that_refuses_a_group_is_told() -> None:
    processes = FakeProcesses(
        ("groupdel", printed("", 8, "groupdel: cannot remove the primary group of user 'root'\n"))
    )
    result = run("group", {"name": "root", "state": "absent", "force": True}, a_target(processes))
    assert result["failed"] and "primary group" in result["msg"] and (result["rc"], result["name"]) == (8, "root")
    assert processes.lines == ["/bin/groupdel -f root"]


# ---- wait_for --------------------------------------------------------------------------------------------------------


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, target: Any) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        monkeypatch.setattr(wait_for.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(target, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.mark.parametrize(
    ("args", "there_at", "elapsed", "failed"),
    [
        ({"timeout": 10}, 0, 0, False),
        ({"timeout": 10}, 3, 3, False),
        ({"timeout": 10, "sleep": 4}, 3, 4, False),
        ({"timeout": 10, "delay": 5}, 0, 5, False),
        ({"timeout": 10, "sleep": 4}, 99, 10, True),
        ({"timeout": 0}, 0, 0, True),
    ],
)
def test_a_port_is_asked_until_it_answers_or_time_is_up(
    monkeypatch: pytest.MonkeyPatch, args: dict[str, Any], there_at: int, elapsed: int, failed: bool
) -> None:
    target = a_target()
    clock = Clock(monkeypatch, target)
    asked: list[Any] = []

    def connect(place: Any, patience: float) -> Any:
        asked.append((place, patience))
        if clock.now < 1000 + there_at:
            raise ConnectionRefusedError
        return socket.socket()

    monkeypatch.setattr(wait_for.socket, "create_connection", connect)
    result = run("wait_for", {"port": 8080, "host": "tts-1", "connect_timeout": 2, **args}, target)
    assert (result["elapsed"], result.get("failed", False)) == (elapsed, failed)
    assert all(place == ("tts-1", 8080) and 0 < patience <= 2 for place, patience in asked)


def test_plain_waiting_takes_its_time_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    target = a_target()
    clock = Clock(monkeypatch, target)
    result = run("wait_for", {"timeout": 7, "delay": 2}, target)
    assert (result["elapsed"], result["changed"], clock.slept) == (9, False, [2, 7])


@pytest.mark.parametrize(
    ("table", "args", "busy"),
    [
        ("0100007F:1F90 0200007F:9000 01", {}, True),
        ("0100007F:1F90 0200007F:9000 06", {"active_connection_states": ["ESTABLISHED"]}, False),
        ("0100007F:1F90 0200007F:9000 0A", {}, False),
        ("0100007F:1F91 0200007F:9000 01", {}, False),
        ("0100007F:1F90 0200007F:9000 01", {"exclude_hosts": ["127.0.0.2"]}, False),
        ("0300007F:1F90 0200007F:9000 01", {}, False),
        ("0300007F:1F90 0200007F:9000 01", {"host": "0.0.0.0"}, True),
    ],
)
def test_which_connections_keep_a_port_from_being_drained(
    monkeypatch: pytest.MonkeyPatch, table: str, args: dict[str, Any], busy: bool
) -> None:
    lines = list(connections.parsed(f"title\n 0: {table} 0 0\n"))
    monkeypatch.setattr(connections, "_table", lambda: lines)
    given = parse_arguments("wait_for", SPECS["wait_for"], {"port": 8080, "state": "drained", **args})
    assert bool(connections.active(given)) is busy


# ---- the web ---------------------------------------------------------------------------------------------------------


def answer(
    monkeypatch: pytest.MonkeyPatch, what: Any, headers: dict[str, str] | None = None, status: int = 200
) -> list[Any]:
    """Every request gets that answer, or that error; the requests are noted."""
    seen: list[Any] = []
    message = Message()
    for name, value in (headers or {}).items():
        message[name] = value

    class Opener:
        def open(self, request: Any, timeout: float) -> Any:
            seen.append(request)
            if isinstance(what, BaseException):
                raise what
            body = SimpleNamespace(headers=message, status=status, url=request.full_url, reason="OK")
            stream = io.BytesIO(what)
            body.read, body.close = stream.read, stream.close
            return body

    monkeypatch.setattr(web, "_opener", lambda wish: Opener())
    monkeypatch.setenv("NETRC", "/no/such")
    return seen


CERTIFICATE = ssl.SSLCertVerificationError("x")
CERTIFICATE.verify_message = "self-signed certificate"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (urllib.error.URLError(socket.gaierror(-2, "x")), "the name web.example does not resolve"),
        (urllib.error.URLError(TimeoutError("x")), "web.example did not answer within 30 s"),
        (urllib.error.URLError(CERTIFICATE), "SSL certificate for web.example: self-signed certificate"),
        (ConnectionRefusedError(111, "Connection refused"), "web.example: [Errno 111] Connection refused"),
        (http.client.BadStatusLine("x"), "web.example: x"),
        (ValueError("unknown url type"), "web.example: unknown url type"),
    ],
)
def test_why_there_is_no_answer_is_told_in_words(monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    answer(monkeypatch, error)
    result = run("uri", {"url": "http://web.example/x"})
    assert result["failed"] and words in result["msg"]
    assert (result["status"], result["url"]) == (-1, "http://web.example/x")


def test_what_uri_asks_with(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = answer(monkeypatch, b"")
    args = {"body": {"a": 1}, "body_format": "json", "method": "put", "headers": {"content-type": "application/x"}}
    run("uri", {"url": "http://ann:p%40ss@web.example/x", **args, "force": True, "force_basic_auth": True})
    [request] = seen
    headers = {name.lower(): value for name, value in request.header_items()}
    assert (request.full_url, request.get_method(), request.data) == ("http://web.example/x", "PUT", b'{"a": 1}')
    assert headers["content-type"] == "application/x" and headers["cache-control"] == "no-cache"
    assert "accept" not in headers, "as in Ansible, what is sent says nothing about what is wanted back"
    assert headers["authorization"] == "Basic YW5uOnBAc3M=" and headers["user-agent"] == "ansible-httpget"


@pytest.mark.parametrize(
    ("headers", "body", "values"),
    [
        ({"Content-Type": "application/problem+json"}, b'{"a": 1}', {"json": {"a": 1}}),
        ({"Content-Type": "text/plain; charset=latin-1"}, b"caf\xe9", {"content": "caf\u00e9"}),
        ({"Content-Type": "text/plain; charset=rubbish"}, b"caf\xc3\xa9", {"content": "caf\u00e9"}),
        ({"Location": "/next"}, b"", {"location": "http://web.example/next"}),
        ({"Set-Cookie": "k=v; Path=/"}, b"", {"cookies": {"k": "v"}, "cookies_string": "k=v"}),
        ({"Content-Length": "3"}, b"abc", {"msg": "OK (3 bytes)", "redirected": False, "status": 200}),
        ({}, b"abc", {"msg": "OK (unknown bytes)"}),
    ],
)
def test_what_uri_makes_of_an_answer(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], body: bytes, values: dict[str, Any]
) -> None:
    answer(monkeypatch, body, headers)
    result = run("uri", {"url": "http://web.example/x", "return_content": True})
    assert {name: result[name] for name in values} == values and result["changed"] is False


def test_an_answer_kept_as_a_file_is_written_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer(monkeypatch, b"text")
    args = {"url": "http://web.example/a/name.txt", "dest": str(tmp_path)}
    assert [run("uri", args)["changed"] for _ in range(2)] == [True, False]
    assert (tmp_path / "name.txt").read_bytes() == b"text"
    result = run("uri", {**args, "mode": "0600"})
    assert (result["changed"], result["path"]) == (True, str(tmp_path / "name.txt"))
    assert (tmp_path / "name.txt").stat().st_mode & 0o777 == 0o600


def test_a_download_asks_whether_there_is_something_newer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = answer(monkeypatch, b"new")
    dest = tmp_path / "x"
    args = {"url": "http://web.example/x", "dest": str(dest)}
    assert run("get_url", args, a_target(check=True))["changed"] is True and not dest.exists()
    assert (seen[0].get_method(), seen[0].get_header("If-modified-since")) == ("HEAD", None)
    dest.write_bytes(b"old")
    os.utime(dest, (0, 0))
    assert run("get_url", {**args, "backup": True})["changed"] is True and dest.read_bytes() == b"new"
    assert seen[1].get_header("If-modified-since") == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert sorted(one.read_bytes() for one in tmp_path.iterdir()) == [b"new", b"old"]
    assert run("get_url", {**args, "force": True})["changed"] is False
    assert seen[2].get_header("If-modified-since") is None


def test_a_long_download_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: list[str] = []
    now = iter(range(0, 1000, 6))
    monkeypatch.setattr(web.time, "monotonic", lambda: next(now))
    target = a_target()
    monkeypatch.setattr(target, "say", lambda stream, text: told.append(text))
    message = Message()
    message["Content-Length"] = str(2_000_000)
    pieces = [b"x" * 1_000_000, b"x" * 1_000_000, b""]
    stream = SimpleNamespace(headers=message, read=lambda size: pieces.pop(0))
    reply = web.Reply(stream, False, 200, "http://web.example/x", "OK")
    assert web.save(reply, str(tmp_path / "x"), target) == 2_000_000
    assert told == ["1 of 2 MB (50 %)", "2 of 2 MB (100 %)"]


def test_a_download_that_ends_too_early_or_breaks_is_told(tmp_path: Path) -> None:
    message = Message()
    message["Content-Length"] = "10"
    for read, words in ((lambda size: b"", "0 of 10 bytes came"), (None, "broke off after 0 bytes")):

        def broken(size: int) -> bytes:
            raise http.client.IncompleteRead(b"")

        stream = SimpleNamespace(headers=message, read=read or broken)
        with pytest.raises(Failed, match=words):
            web.save(web.Reply(stream, False, 200, "u", "OK"), str(tmp_path / "x"), a_target())


# ---- command ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["command", "shell"])
def test_creates_makes_a_command_run_once(tmp_path: Path, module: str) -> None:
    made = tmp_path / "made-1"

    def make(command: Command) -> Completed:
        made.touch()
        return printed()

    processes = FakeProcesses(("make", make))
    args = {"_raw_params": "make all", "creates": "made-*", "chdir": str(tmp_path)}
    results = [run(module, args, a_target(processes, check=check)) for check in (True, False, False, True)]
    assert [result["changed"] for result in results] == [True, True, False, False]
    assert results[2]["stdout"] == "skipped, since made-* exists" and results[2]["rc"] == 0
    assert "Did not run" in results[2]["msg"] and "Would not run" in results[3]["msg"]
    assert len(processes.lines) == 1 and processes.started[0].cwd == str(tmp_path)


def test_the_shell_is_the_one_that_is_asked_for() -> None:
    processes = FakeProcesses(("", printed()))
    run("shell", {"_raw_params": "echo $X | cat", "executable": "/bin/bash"}, a_target(processes))
    assert list(processes.started[0].argv) == ["/bin/bash", "-c", "echo $X | cat"]


def test_how_long_a_command_took_is_told() -> None:
    processes = FakeProcesses(("", lambda command: (time.sleep(0.01), printed())[1]))
    result = run("command", {"argv": ["x", "two words"]}, a_target(processes))
    assert result["cmd"] == ["x", "two words"] and result["delta"] > "0:00:00.009" and result["start"] < result["end"]
