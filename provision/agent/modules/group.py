"""Groups of users."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from provision.agent import accounts
from provision.agent.change import Answer, Change, Unchanged
from provision.agent.errors import Failed
from provision.agent.target import Target


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """By /etc/group and what the name service knows besides."""
    name = args["name"]
    team = _find(name, args["local"])
    values = {"name": name, "state": args["state"]}
    if args["state"] == "absent":
        if team is None:
            return Unchanged(values)
        argv = [target.need("lgroupdel" if args["local"] else "groupdel"), name]
        argv[1:1] = ["-f"] if args["force"] and not args["local"] else []
        return Change("remove group %s" % name, lambda: _run(argv, target), values=values)
    values.update(system=args["system"], gid=args["gid"] if team is None else team.gid)
    if team is None:
        return Change("make group %s" % name, lambda: _made(args, target), values=values)
    if args["gid"] is not None and args["gid"] != team.gid:
        values["gid"] = args["gid"]
        argv = [target.need("lgroupmod" if args["local"] else "groupmod"), "-g", str(args["gid"])]
        argv += ["-o"] if args["non_unique"] else []
        before, after = {"gid": team.gid}, {"gid": args["gid"]}
        return Change("change group %s" % name, lambda: _run([*argv, name], target), before, after, values=values)
    return Unchanged(values)


def _find(name: str, local: bool) -> Optional[accounts.Team]:
    if local:
        return accounts.groups().get(name)
    import grp

    try:
        found = grp.getgrnam(name)
    except KeyError:
        return None
    return accounts.Team(found.gr_name, found.gr_gid, list(found.gr_mem))


def _made(args: Mapping[str, Any], target: Target) -> Dict[str, Any]:
    argv: List[str] = [target.need("lgroupadd" if args["local"] else "groupadd")]
    if args["gid"] is not None:
        argv += ["-g", str(args["gid"])] + (["-o"] if args["non_unique"] else [])
    argv += ["-r"] if args["system"] else []
    argv += ["-K", "GID_MIN=%d" % args["gid_min"]] if args["gid_min"] is not None else []
    argv += ["-K", "GID_MAX=%d" % args["gid_max"]] if args["gid_max"] is not None else []
    _run([*argv, args["name"]], target)
    team = _find(args["name"], args["local"])
    return {"gid": team.gid} if team else {}


def _run(argv: List[str], target: Target) -> None:
    completed = target.query(*argv)
    if completed.rc:
        raise Failed(completed.stderr.strip(), name=argv[-1], rc=completed.rc)
