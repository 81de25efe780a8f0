"""user and group: which programs are started for which difference, and that no secret stands on a command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from provision.agent import accounts
from tests.unit.agent.fakes import FakeProcesses, a_target, printed, run

PASSWD = "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000:Ann:{home}:/bin/bash\n"
GROUP = "root:x:0:\nann:x:1000:\nvideo:x:44:ann\naudio:x:29:\nmoshi:x:997:\n"
SHADOW = "root:*:19000:0:99999:7:::\nann:$6$salt$hash:19000:0:99999:7:::\n"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home" / "ann"
    home.mkdir(parents=True)
    for name, text in (("PASSWD", PASSWD.format(home=home)), ("GROUP", GROUP), ("SHADOW", SHADOW)):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(accounts.users, "__defaults__", (str(tmp_path / "PASSWD"),))
    monkeypatch.setattr(accounts.groups, "__defaults__", (str(tmp_path / "GROUP"),))
    monkeypatch.setattr(accounts.secret, "__defaults__", (str(tmp_path / "SHADOW"),))
    return tmp_path


def user(args: dict[str, Any], **settings: Any) -> tuple[dict[str, Any], list[str]]:
    """`local` reads the files above; its programs have an l in front, which is taken off here."""
    processes = FakeProcesses(*settings.pop("rules", ()), ("", printed()))
    result = run("user", {"name": "ann", "local": True, **args}, a_target(processes, **settings))
    return result, [line.replace("/bin/l", "/bin/") for line in processes.lines]


def test_a_user_as_wanted_changes_nothing() -> None:
    wanted = {
        "uid": 1000,
        "comment": "Ann",
        "shell": "/bin/bash",
        "group": "ann",
        "groups": "video",
        "password": "$6$salt$hash",
    }
    result, lines = user(wanted)
    assert (result["changed"], lines) == (False, [])
    assert (result["uid"], result["group"], result["shell"]) == (1000, 1000, "/bin/bash")


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        ({"uid": 1001}, "usermod -u 1001 ann"),
        ({"uid": 0, "non_unique": True}, "usermod -u 0 -o ann"),
        ({"group": "moshi"}, "usermod -g moshi ann"),
        ({"comment": "Ann B."}, "usermod -c Ann B. ann"),
        ({"shell": "/bin/sh"}, "usermod -s /bin/sh ann"),
        ({"home": "/srv/ann", "create_home": False}, "usermod -d /srv/ann ann"),
        ({"home": "/srv/ann", "move_home": True}, "usermod -d /srv/ann -m ann"),
        ({"groups": "audio"}, "usermod -G audio ann"),
        ({"groups": "audio", "append": True}, "usermod -a -G audio ann"),
        ({"groups": "audio,video", "append": True}, "usermod -a -G audio ann"),
        ({"groups": ""}, "usermod -G  ann"),
        ({"password_lock": True}, "usermod -L ann"),
        ({"expires": 1893456000}, "usermod -e 2030-01-01 ann"),
        ({"password_expire_account_disable": 5}, "usermod -f 5 ann"),
        ({"password_expire_max": 90, "password_expire_min": 1}, "chage -M 90 -m 1 ann"),
        ({"password_expire_warn": 14}, "chage -W 14 ann"),
    ],
)
def test_every_difference_is_one_option(args: dict[str, Any], wanted: str) -> None:
    result, lines = user(args)
    assert lines == [f"/bin/{wanted}"] and result["changed"] is True
    assert user(args, check=True)[1] == []


@pytest.mark.parametrize(
    "args",
    [
        {"groups": "video", "append": True},
        {"groups": "ann,video"},
        {"group": "1000"},
        {"password": "$6$another", "update_password": "on_create"},
        {"password_lock": False},
        {"expires": -1},
        {"password_expire_max": 99999},
    ],
)
def test_what_is_no_difference(args: dict[str, Any]) -> None:
    assert user(args)[0]["changed"] is False


def test_a_password_goes_through_stdin_and_never_over_a_command_line() -> None:
    processes = FakeProcesses(("", printed()))
    result = run(
        "user", {"name": "ann", "local": True, "password": "$6$new", "password_lock": True}, a_target(processes)
    )
    assert processes.lines == ["/bin/chpasswd -e"]
    assert processes.started[0].stdin == b"ann:!$6$new\n"
    assert "$6$new" not in str(result)


def test_a_locked_account_is_unlocked(files: Path) -> None:
    (files / "SHADOW").write_text(SHADOW.replace("$6$salt", "!$6$salt"))
    assert user({"password_lock": False})[1] == ["/bin/usermod -U ann"]
    assert user({"password": "$6$salt$hash"})[0]["changed"] is False


def test_a_new_system_user() -> None:
    args = {"name": "new", "system": True, "group": "moshi", "home": "/var/lib/x", "shell": "/usr/sbin/nologin"}
    processes = FakeProcesses(("", printed()))
    result = run("user", {**args, "create_home": False, "groups": "video,audio"}, a_target(processes))
    line = "/bin/useradd -g moshi -G video,audio -d /var/lib/x -s /usr/sbin/nologin -M -r new"
    assert processes.lines == [line] and result["changed"] is True


def test_a_new_user_with_everything(tmp_path: Path) -> None:
    args = {"uid": 1500, "non_unique": True, "comment": "New", "skeleton": "/etc/skel2", "umask": "027", "uid_min": 500}
    processes = FakeProcesses(("", printed()))
    home = tmp_path / "deep" / "home"
    run("user", {"name": "new", **args, "home": str(home), "password": "$6$x"}, a_target(processes))
    assert processes.lines == [
        f"/bin/useradd -u 1500 -o -c New -d {home} -m -k /etc/skel2 -K UID_MIN=500 -K UMASK=027 new",
        "/bin/chpasswd -e",
    ]
    assert home.parent.is_dir()


def test_a_new_user_whose_group_is_there_already_gets_that_group() -> None:
    _, lines = user({"name": "moshi", "local": False, "create_home": False})
    assert lines == ["/bin/useradd -N -M moshi"]


def test_a_group_that_does_not_exist_is_told() -> None:
    result, lines = user({"groups": "nothing"})
    assert result["msg"] == "Group nothing does not exist" and lines == []


def test_removal() -> None:
    assert user({"state": "absent", "remove": True})[1] == ["/bin/userdel -r ann"]
    assert user({"name": "nobody-here", "state": "absent"})[0]["changed"] is False


def test_a_program_that_refuses_is_told_with_its_words() -> None:
    refusal = ("usermod", printed("", 8, "usermod: user ann is currently used by process 7\n"))
    result, _ = user({"uid": 1001}, rules=[refusal])
    assert result["failed"] and result["rc"] == 8 and "currently used" in result["msg"]


def test_a_missing_home_is_made_from_the_skeleton(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owned: list[tuple[str, int, int]] = []
    monkeypatch.setattr(os, "lchown", lambda path, uid, gid: owned.append((Path(path).name, uid, gid)))
    skeleton = tmp_path / "skel"
    skeleton.mkdir()
    (skeleton / ".profile").write_text("x")
    (tmp_path / "home" / "ann").rmdir()
    result, _ = user({"skeleton": str(skeleton), "umask": "077"})
    assert result["changed"] is True
    assert (tmp_path / "home" / "ann" / ".profile").exists()
    assert (tmp_path / "home" / "ann").stat().st_mode & 0o777 == 0o700
    assert sorted(owned) == [(".profile", 1000, 1000), ("ann", 1000, 1000)]


def test_a_passphrase_for_a_key_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pwd

    entry = pwd.struct_passwd(("ann", "x", os.getuid(), os.getgid(), "", str(tmp_path / "home" / "ann"), ""))
    monkeypatch.setattr(pwd, "getpwnam", lambda name: entry)
    result, _ = user({"generate_ssh_key": True, "ssh_key_passphrase": "secret"})
    assert "refused" in result["msg"] and "secret" not in str(result)


def test_a_key_is_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pwd

    home = tmp_path / "home" / "ann"
    entry = pwd.struct_passwd(("ann", "x", os.getuid(), os.getgid(), "", str(home), ""))
    monkeypatch.setattr(pwd, "getpwnam", lambda name: entry)

    def keygen(command: Any) -> Any:
        path = Path(command.argv[command.argv.index("-f") + 1])
        path.write_text("private")
        path.with_name(path.name + ".pub").write_text("ssh-ed25519 AAAA ann\n")
        return printed()

    rules = [("-l -f", printed("256 SHA256:abc\n")), ("ssh-keygen -q -t ed25519", keygen)]
    args = {"generate_ssh_key": True, "ssh_key_type": "ed25519"}
    result, _ = user(args, rules=rules)
    assert result["ssh_public_key"] == "ssh-ed25519 AAAA ann" and result["ssh_fingerprint"] == "256 SHA256:abc"
    assert (home / ".ssh").stat().st_mode & 0o777 == 0o700
    assert user(args, rules=rules)[0]["changed"] is False


def group(args: dict[str, Any], **settings: Any) -> tuple[dict[str, Any], list[str]]:
    processes = FakeProcesses(("", printed()))
    result = run("group", {"local": True, **args}, a_target(processes, **settings))
    return result, [line.replace("/bin/l", "/bin/") for line in processes.lines]


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        ({"name": "moshi"}, []),
        ({"name": "moshi", "gid": 997}, []),
        ({"name": "new"}, ["/bin/groupadd new"]),
        ({"name": "new", "system": True, "gid": 500}, ["/bin/groupadd -g 500 -r new"]),
        ({"name": "new", "gid": 0, "non_unique": True}, ["/bin/groupadd -g 0 -o new"]),
        ({"name": "new", "gid_min": 5, "gid_max": 9}, ["/bin/groupadd -K GID_MIN=5 -K GID_MAX=9 new"]),
        ({"name": "moshi", "gid": 5}, ["/bin/groupmod -g 5 moshi"]),
        ({"name": "moshi", "state": "absent"}, ["/bin/groupdel moshi"]),
        ({"name": "new", "state": "absent"}, []),
    ],
)
def test_groups(args: dict[str, Any], wanted: list[str]) -> None:
    result, lines = group(args)
    assert lines == wanted and result["changed"] is bool(wanted)
    assert group(args, check=True)[1] == []


def test_a_group_of_the_machine_is_found_by_the_name_service() -> None:
    assert run("group", {"name": "root"})["gid"] == 0
