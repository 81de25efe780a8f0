"""User accounts, through useradd, usermod and userdel."""

from __future__ import annotations

import os
import pwd
import time
from typing import Any, Dict, List, Mapping, Optional, Set

from provision.agent import accounts
from provision.agent.change import Answer, Change, Unchanged, Values, together
from provision.agent.errors import Failed
from provision.agent.modules import user_keys
from provision.agent.target import Target


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """Account, then its home, key and password aging."""
    name = args["name"]
    account = _find(name, args["local"])
    if args["state"] == "absent":
        return _look_absent(args, target, account)
    values: Values = {"name": name, "state": "present", "append": args["append"], "move_home": args["move_home"]}
    if account is None:
        parts: List[Optional[Change]] = [Change("make user %s" % name, lambda: _make(args, target))]
    else:
        parts = [_modification(args, target, account), _password_change(args, target), _home_change(args, account)]
    parts += [_aging_change(args, target), user_keys.look(args, target, account)]
    change = together("user %s" % name, parts, **values)
    return change or Unchanged(values)


def report(args: Mapping[str, Any], target: Target, change: Optional[Change]) -> Dict[str, Any]:
    """The account as it is now."""
    account = _find(args["name"], args["local"])
    if account is None or args["state"] == "absent":
        return {}
    values: Dict[str, Any] = {
        "uid": account.uid,
        "group": account.gid,
        "comment": account.comment,
        "home": account.home,
        "shell": account.shell,
    }
    if args["groups"] is not None:
        values["groups"] = ",".join(args["groups"])
    if args["password"] is not None:
        values["password"] = "NOT_LOGGING_PASSWORD"
    if args["uid"] is not None:
        values["uid"] = args["uid"]
    return values


def _find(name: str, local: bool) -> Optional[accounts.Account]:
    if local:
        return accounts.users().get(name)
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return accounts.Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_gecos, entry.pw_dir, entry.pw_shell)


def _look_absent(args: Mapping[str, Any], target: Target, account: Optional[accounts.Account]) -> Answer:
    values = {"name": args["name"], "state": "absent"}
    if account is None:
        return Unchanged(values)
    argv = [target.need("luserdel" if args["local"] else "userdel")]
    argv += ["-f"] if args["force"] and not args["local"] else []
    argv += ["-r"] if args["remove"] else []
    values.update(force=args["force"], remove=args["remove"])
    return Change("remove user %s" % args["name"], lambda: _run([*argv, args["name"]], target), values=values)


def _make(args: Mapping[str, Any], target: Target) -> Values:
    argv = [target.need("luseradd" if args["local"] else "useradd")]
    argv += ["-u", str(args["uid"])] if args["uid"] is not None else []
    argv += ["-o"] if args["uid"] is not None and args["non_unique"] else []
    argv += _primary_group(args)
    argv += ["-G", ",".join(args["groups"])] if args["groups"] and not args["local"] else []
    argv += ["-c", args["comment"]] if args["comment"] is not None else []
    argv += ["-d", args["home"]] if args["home"] is not None else []
    argv += ["-s", args["shell"]] if args["shell"] is not None else []
    argv += ["-e", _day(args["expires"])] if args["expires"] is not None else []
    if not args["local"]:
        argv += _home_options(args)
    argv += ["-r"] if args["system"] else []
    for name, key in (("uid_min", "UID_MIN"), ("uid_max", "UID_MAX"), ("umask", "UMASK")):
        argv += ["-K", "%s=%s" % (key, args[name])] if args[name] is not None and not args["local"] else []
    if args["password_expire_account_disable"] is not None and not args["local"]:
        argv += ["-f", str(args["password_expire_account_disable"])]
    _make_parent(args)
    completed = _run([*argv, args["name"]], target)
    _join_locally(args, target)
    if args["password"] is not None:
        _set_password(args, target)
    return {**completed, "system": args["system"], "create_home": args["create_home"]}


def _join_locally(args: Mapping[str, Any], target: Target) -> None:
    if args["local"]:
        for group in args["groups"] or []:
            _run([target.need("lgroupmod"), "-M", args["name"], group], target)


def _primary_group(args: Mapping[str, Any]) -> List[str]:
    if args["group"] is not None:
        _require_group(args["group"])
        return ["-g", args["group"]]
    if args["name"] in accounts.groups():
        return ["-N"] if not args["local"] else []  # a group of that name is there: useradd would refuse
    return []


def _home_options(args: Mapping[str, Any]) -> List[str]:
    if not args["create_home"]:
        return ["-M"]
    return ["-m"] + (["-k", args["skeleton"]] if args["skeleton"] is not None else [])


def _make_parent(args: Mapping[str, Any]) -> None:
    """useradd makes a home, not the folders on the way to it."""
    if args["create_home"] and args["home"]:
        os.makedirs(os.path.dirname(args["home"].rstrip("/")) or "/", exist_ok=True)


def _modification(args: Mapping[str, Any], target: Target, account: accounts.Account) -> Optional[Change]:
    options: List[str] = []
    before: Dict[str, Any] = {}
    after: Dict[str, Any] = {}

    def differ(name: str, has: Any, wants: Any, *words: str) -> None:
        before[name], after[name] = has, wants
        options.extend(words)

    if args["uid"] is not None and args["uid"] != account.uid:
        differ("uid", account.uid, args["uid"], "-u", str(args["uid"]), *(["-o"] if args["non_unique"] else []))
    if args["group"] is not None and _require_group(args["group"]) != account.gid:
        differ("group", account.gid, args["group"], "-g", args["group"])
    if args["comment"] is not None and args["comment"] != account.comment:
        differ("comment", account.comment, args["comment"], "-c", args["comment"])
    if args["home"] is not None and args["home"] != account.home:
        differ("home", account.home, args["home"], "-d", args["home"], *(["-m"] if args["move_home"] else []))
    if args["shell"] is not None and args["shell"] != account.shell:
        differ("shell", account.shell, args["shell"], "-s", args["shell"])
    _differ_groups(args, account, differ)
    _differ_secret(args, differ)
    if not options:
        return None
    argv = [target.need("lusermod" if args["local"] else "usermod"), *options, args["name"]]
    return Change("change user %s" % args["name"], lambda: _run(argv, target), before, after)


def _differ_groups(args: Mapping[str, Any], account: accounts.Account, differ: Any) -> None:
    if args["groups"] is None:
        return
    everything = accounts.groups()
    wanted = {_group_name(name, everything) for name in args["groups"]}
    main = next((team.name for team in everything.values() if team.gid == account.gid), "")
    has = {team.name for team in everything.values() if account.name in team.members}
    missing = wanted - has - {main}
    surplus: Set[str] = set() if args["append"] else has - wanted
    if missing or surplus:
        option = ["-a", "-G"] if args["append"] else ["-G"]
        names = missing if args["append"] else wanted
        differ(
            "groups", sorted(has), sorted(wanted | (has if args["append"] else set())), *option, ",".join(sorted(names))
        )


def _differ_secret(args: Mapping[str, Any], differ: Any) -> None:
    secret = accounts.secret(args["name"])
    has = secret.password if secret else ""
    if _password_differs(args):
        pass  # what sets the password locks it, too
    elif args["password_lock"] is True and secret and not has.startswith("!"):
        differ("password_lock", False, True, "-L")
    elif args["password_lock"] is False and has.startswith("!"):
        differ("password_lock", True, False, "-U")
    if args["expires"] is not None:
        day = _day(args["expires"])
        if _days_since_epoch(args["expires"]) != (secret.expires if secret else ""):
            differ("expires", secret.expires if secret else "", day, "-e", day)
    limit = args["password_expire_account_disable"]
    if limit is not None and str(limit) != (secret.inactive if secret else ""):
        differ("inactive", secret.inactive if secret else "", limit, "-f", str(limit))


def _password_differs(args: Mapping[str, Any]) -> bool:
    secret = accounts.secret(args["name"])
    wanted = args["password"]
    if wanted is None or args["update_password"] != "always":
        return False
    return bool((secret.password if secret else "").lstrip("!") != wanted.lstrip("!"))


def _password_change(args: Mapping[str, Any], target: Target) -> Optional[Change]:
    if not _password_differs(args):
        return None
    return Change("set password of %s" % args["name"], lambda: _set_password(args, target))


def _set_password(args: Mapping[str, Any], target: Target) -> None:
    """Through stdin: on a command line every user of the machine could read the hash."""
    line = "%s:%s\n" % (args["name"], _password(args))
    target.must(target.need("chpasswd"), "-e", stdin=line.encode())


def _aging_change(args: Mapping[str, Any], target: Target) -> Optional[Change]:
    secret = accounts.secret(args["name"]) or accounts.Secret()
    options: List[str] = []
    wishes = (("password_expire_max", "-M", secret.most), ("password_expire_min", "-m", secret.least))
    for name, option, has in (*wishes, ("password_expire_warn", "-W", secret.warn)):
        if args[name] is not None and str(args[name]) != has:
            options += [option, str(args[name])]
    if not options:
        return None
    argv = [target.need("chage"), *options, args["name"]]
    return Change("set password aging of %s" % args["name"], lambda: _run(argv, target))


def _home_change(args: Mapping[str, Any], account: accounts.Account) -> Optional[Change]:
    """A home that is missing is made, as Ansible does, from the skeleton."""
    home = args["home"] or account.home
    if not args["create_home"] or os.path.exists(home) or args["move_home"]:
        return None
    return Change("make home %s" % home, lambda: user_keys.make_home(home, account, args["skeleton"], args["umask"]))


def _require_group(name: str) -> int:
    everything = accounts.groups()
    found = everything.get(name) or next((team for team in everything.values() if str(team.gid) == name), None)
    if found is None:
        import grp

        try:
            return grp.getgrnam(name).gr_gid
        except KeyError as error:
            raise Failed("Group %s does not exist" % name, name=name) from error
    return found.gid


def _group_name(name: str, everything: Mapping[str, accounts.Team]) -> str:
    if name in everything:
        return name
    _require_group(name)
    return next((team.name for team in everything.values() if str(team.gid) == name), name)


def _password(args: Mapping[str, Any]) -> str:
    return ("!" if args["password_lock"] else "") + str(args["password"])


def _day(expires: float) -> str:
    return "" if expires < 0 else time.strftime("%Y-%m-%d", time.gmtime(expires))


def _days_since_epoch(expires: float) -> str:
    return "" if expires < 0 else str(int(expires) // 86400)


def _run(argv: List[str], target: Target) -> Values:
    completed = target.query(*argv)
    if completed.rc:
        raise Failed(completed.stderr.strip(), name=argv[-1], rc=completed.rc)
    return {"rc": 0, "stdout": completed.stdout, "stderr": completed.stderr} if completed.stderr else {"rc": 0}
