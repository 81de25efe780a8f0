"""What stands in for the world in the agent's tests: programs that answer by rule, and Ansible as the oracle."""

from __future__ import annotations

import importlib
import json
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from provision.agent import change
from provision.agent.arguments import parse
from provision.agent.contents import Contents
from provision.agent.errors import Failed
from provision.agent.process import Command, Completed, Processes
from provision.agent.specs import SPECS
from provision.agent.stop import Stop
from provision.agent.target import Target
from provision.agent.temporary import Temporary

Answer = Completed | Callable[[Command], Completed]


class FakeProcesses(Processes):
    """Programs that answer by the first rule whose words all stand in the command line; every start is noted."""

    def __init__(self, *rules: tuple[str, Answer], missing: Sequence[str] = ()) -> None:
        self.rules = list(rules)
        self.missing = set(missing)
        self.started: list[Command] = []
        self.detached: list[tuple[Sequence[str], bytes]] = []

    @property
    def lines(self) -> list[str]:
        """What was started, as command lines."""
        return [" ".join(command.argv) for command in self.started]

    def find(self, name: str) -> str:
        return "" if name in self.missing else name if "/" in name else f"/bin/{name}"

    def run(self, command: Command, stop: Stop, on_output: Any = None) -> Completed:
        self.started.append(command)
        stop.check()
        line = " ".join(command.argv)
        for words, answer in self.rules:
            if words in line:
                completed = answer if isinstance(answer, Completed) else answer(command)
                if on_output is not None:
                    on_output("stdout", completed.stdout.encode())
                return completed
        raise AssertionError(f"no rule for: {line}")

    def detach(self, argv: Sequence[str], stdin: bytes) -> int:
        self.detached.append((argv, stdin))
        return 4242


def printed(stdout: str = "", rc: int = 0, stderr: str = "") -> Completed:
    """How a program ended."""
    return Completed(rc, stdout, stderr)


def a_target(processes: Processes | None = None, **settings: Any) -> Target:
    """A target whose programs are fakes."""
    return Target(processes=processes or FakeProcesses(), **settings)


def run(module: str, args: Mapping[str, Any], target: Target | None = None) -> dict[str, Any]:
    """One module from arguments to result; failures are results, as on the wire."""
    target = target or a_target()
    try:
        parsed = parse(module, SPECS[module], args)
        return change.execute(importlib.import_module(f"provision.agent.modules.{module}"), parsed, target)
    except Failed as failed:
        return failed.result()


def look(module: str, args: Mapping[str, Any], target: Target | None = None) -> Any:
    """What a module answers when it looks."""
    parsed = parse(module, SPECS[module], args)
    return importlib.import_module(f"provision.agent.modules.{module}").look(parsed, target or a_target())


def offered(data: bytes) -> tuple[dict[str, Any], Target]:
    """A `_content` argument, and a target to which the controller has already sent that content."""
    import hashlib

    from provision.agent.wire import Blob

    temporary = Temporary()
    contents = Contents(temporary)
    digest = hashlib.sha256(data).hexdigest()
    contents.receive(Blob(digest, 0, data))
    contents.finish(digest)
    target = Target(processes=FakeProcesses(), contents=contents, temporary=temporary, diff=True)
    return {"digest": digest, "size": len(data)}, target


def tree(root: Path) -> dict[str, tuple[str, str, str]]:
    """Everything below a folder: type, mode, content."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        name = str(path.relative_to(root))
        mode = "" if path.is_symlink() else f"{stat.S_IMODE(status.st_mode):04o}"
        if path.is_symlink():
            found[name] = ("link", mode, str(path.readlink()))
        elif path.is_dir():
            found[name] = ("directory", mode, "")
        else:
            found[name] = ("file", mode, path.read_bytes().decode(errors="replace"))
    return found


def ansible(module: str, args: Mapping[str, Any], scratch: Path, check: bool = False) -> dict[str, Any]:
    """The result of ansible-core's own module, run inside this process."""
    import io
    from contextlib import redirect_stdout

    from ansible.module_utils import basic

    given = {
        **args,
        "_ansible_check_mode": check,
        "_ansible_diff": True,
        "_ansible_tmpdir": str(scratch),
        "_ansible_remote_tmp": str(scratch),
        "_ansible_keep_remote_files": False,
    }
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    output = io.StringIO()
    with redirect_stdout(output):
        try:
            importlib.import_module(f"ansible.modules.{module}").main()
        except SystemExit:
            pass
        except Exception as error:
            # The module `file` leaves its failures to sys.excepthook.
            if type(error).__name__ not in ("AnsibleModuleError", "ParameterError"):
                raise
            return {"failed": True, "msg": str(error)}
    result: dict[str, Any] = json.loads(output.getvalue())
    return result
