"""Python packages, on the system or in a virtual environment."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from typing import Any, Dict, List, Mapping, Optional

from provision.agent.change import Answer, Change, Unchanged, Values, together
from provision.agent.errors import Failed
from provision.agent.process import Completed, words
from provision.agent.target import Target, failed

_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(.*)$")
_LIST = """
from importlib.metadata import distributions
for one in distributions():
    print("%s==%s" % (one.metadata["Name"], one.version))
"""
_VERBS = {
    "present": ["install"],
    "latest": ["install", "-U"],
    "forcereinstall": ["install", "-U", "--force-reinstall"],
    "absent": ["uninstall", "-y"],
}


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """Names with plain versions are compared here; only pip itself knows about everything else."""
    if args["state"] == "latest" and args["version"] is not None:
        raise Failed("version is incompatible with state=latest")
    wishes = _wishes(args)
    values: Values = {
        "name": args["name"],
        "version": args["version"],
        "state": args["state"],
        "requirements": args["requirements"],
        "virtualenv": args["virtualenv"],
    }
    environment = _environment(args)
    is_new = bool(environment) and not os.path.exists(os.path.join(environment, "bin", "python"))
    plain = _required(args) if wishes is None else wishes
    comparable = args["state"] in ("present", "absent") and not args["editable"] and not args["extra_args"]
    if not is_new and plain is not None and comparable:
        has = _installed(args, target, environment)
        is_so = _satisfied if args["state"] == "present" else _gone
        if all(is_so(wish, has) for wish in plain):
            command = _command(args, target, environment, wishes or [])
            return Unchanged({**values, "cmd": command, "stdout": "", "stderr": ""})
    make = Change("make %s" % environment, lambda: _make(args, target, environment)) if is_new else None
    change = Change("pip %s" % args["state"], lambda: _run(args, target, environment, is_new))
    return together("pip", [make, change], **values)


def _wishes(args: Mapping[str, Any]) -> Optional[List[str]]:
    """What is asked for, as pip takes it; None for a requirements file."""
    if args["name"] is None:
        return None
    names = _joined(args["name"])
    if args["version"] is None:
        return names
    if len(names) > 1:
        raise Failed("'version' argument is ambiguous when installing multiple package distributions. Please specify")
    sign = "" if args["version"][:1] in "=<>!~" else "=="
    return [names[0] + sign + args["version"]]


def _required(args: Mapping[str, Any]) -> Optional[List[str]]:
    """The lines of a requirements file that holds names and versions only; None for one that only pip understands."""
    try:
        with open(os.path.join(_folder(args) or "", args["requirements"]), encoding="utf-8") as file:
            lines = [line.split(" #")[0].strip() for line in file]
    except (OSError, UnicodeDecodeError):
        return None
    wishes = [line for line in lines if line and not line.startswith("#")]
    simple = all(_NAME.match(wish) and not re.search(r"[;\\@]|://", wish) for wish in wishes)
    return wishes if wishes and simple else None


def _joined(names: List[str]) -> List[str]:
    """`pkg>=1,<2` in a comma-separated list has been split at its own comma: put it together again."""
    found: List[str] = []
    for name in names:
        if found and name[:1] in ("<", ">", "=", "!", "~"):
            found[-1] += "," + name
        else:
            found.append(name)
    return found


def _environment(args: Mapping[str, Any]) -> str:
    if not args["virtualenv"]:
        return ""
    return os.path.join(args["chdir"] or "", args["virtualenv"])


def _pip(args: Mapping[str, Any], target: Target, environment: str) -> List[str]:
    if environment:
        return [os.path.join(environment, "bin", "python"), "-m", "pip"]
    if args["executable"]:
        if "/" in args["executable"]:
            return [args["executable"]]
        return [target.need(args["executable"])]
    if target.query(sys.executable, "-m", "pip", "--version").rc == 0:
        return [sys.executable, "-m", "pip"]
    return [target.need("pip3")]


def _installed(args: Mapping[str, Any], target: Target, environment: str) -> Dict[str, str]:
    """Name -> version of what pip sees. An environment's own Python tells it ten times faster than its pip."""
    if environment:
        argv = [os.path.join(environment, "bin", "python"), "-c", _LIST]
    else:
        argv = [*_pip(args, target, environment), "list", "--format=freeze", "--disable-pip-version-check"]
    completed = target.query(*argv, cwd=_folder(args))
    if completed.rc:
        raise failed(argv, completed)
    pairs = (line.partition("==") for line in completed.stdout.splitlines() if "==" in line)
    # Of two with the same name, Python imports the first: the environment's own hides the system's.
    return {_plain(name): version for name, _, version in reversed(list(pairs))}


def _satisfied(wish: str, has: Mapping[str, str]) -> bool:
    """Whether a wish is fulfilled, where that can be told from name and version alone."""
    matched = _NAME.match(wish)
    if matched is None or matched.group(2) or "://" in wish or "@" in wish:
        return False  # of extras ([standard]) nobody but pip knows what they need
    version = has.get(_plain(matched.group(1)))
    if version is None:
        return False
    return all(_fits(version, rule.strip()) for rule in matched.group(3).split(",") if rule.strip())


def _gone(wish: str, has: Mapping[str, str]) -> bool:
    """Whether there is nothing to uninstall: pip takes a name's package away whatever its version is."""
    matched = _NAME.match(wish)
    return matched is not None and _plain(matched.group(1)) not in has


def _fits(version: str, rule: str) -> bool:
    """One rule of a version specifier, for versions made of numbers; others count as not fulfilled, and pip decides."""
    matched = re.match(r"^(===|==|>=|<=|!=|~=|>|<)\s*([^\s;]+)$", rule)
    if matched is None:
        return False
    sign, wanted = matched.groups()
    if wanted.endswith(".*") and sign in ("==", "!="):
        return (version + ".").startswith(wanted[:-1]) == (sign == "==")
    if version == wanted:
        return sign in ("==", "===", ">=", "<=", "~=")
    try:
        has, want = _numbers(version), _numbers(wanted)
    except ValueError:
        return False
    if sign == "~=":
        return has >= want and has[: len(wanted.split(".")) - 1] == want[: len(wanted.split(".")) - 1]
    verdicts = {"==": has == want, "!=": has != want, ">=": has >= want, "<=": has <= want, ">": has > want}
    return {**verdicts, "<": has < want, "===": False}[sign]


def _numbers(version: str) -> List[int]:
    numbers = [int(part) for part in version.split(".")]
    return numbers + [0] * (8 - len(numbers))


def _make(args: Mapping[str, Any], target: Target, environment: str) -> None:
    """A virtual environment, by the command that is asked for; `python -m venv` where virtualenv is not installed."""
    command = words(args["virtualenv_command"])
    program = target.find(command[0])
    if program:
        argv = [program, *command[1:]]
    elif args["virtualenv_command"] == "virtualenv":
        argv = [args["virtualenv_python"] or sys.executable, "-m", "venv"]
    else:
        raise Failed('Failed to find required executable "%s"' % command[0])
    argv += ["--system-site-packages"] if args["virtualenv_site_packages"] else []
    is_venv = "venv" in argv or any(word.startswith("pyvenv") for word in argv)
    if args["virtualenv_python"] and not is_venv:
        argv += ["-p", args["virtualenv_python"]]
    _checked([*argv, environment], args, target)


def _run(args: Mapping[str, Any], target: Target, environment: str, is_new: bool) -> Values:
    wishes = _wishes(args)
    argv = _command(args, target, environment, wishes or [])
    before = _installed(args, target, environment)
    completed = _checked(argv, args, target)
    changed = is_new or args["state"] == "forcereinstall" or before != _installed(args, target, environment)
    if not changed and wishes is not None and args["state"] != "absent":
        changed = any("://" in wish or "@" in wish for wish in wishes) and "Successfully installed" in completed.stdout
    return {"cmd": argv, "stdout": completed.stdout, "stderr": completed.stderr, "changed": changed}


def _command(args: Mapping[str, Any], target: Target, environment: str, wishes: List[str]) -> List[str]:
    argv = [*_pip(args, target, environment), *_VERBS[args["state"]]]
    if args["break_system_packages"]:
        argv.append("--break-system-packages")
    argv += words(args["extra_args"]) if args["extra_args"] else []
    if args["requirements"]:
        return [*argv, "-r", args["requirements"]]
    for wish in wishes:
        argv += ["-e", wish] if args["editable"] else [wish]
    return argv


def _checked(argv: List[str], args: Mapping[str, Any], target: Target) -> Completed:
    umask = int(args["umask"], 8) if args["umask"] else -1
    completed = target.run(argv, cwd=_folder(args), environment={"LC_ALL": "C.UTF-8"}, live=True, umask=umask)
    if completed.rc:
        raise failed(argv, completed)
    return completed


def _folder(args: Mapping[str, Any]) -> str:
    return str(args["chdir"] or tempfile.gettempdir())


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
