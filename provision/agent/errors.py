"""What stops a module: told to the controller as a failed result, never as a traceback."""

from __future__ import annotations

from typing import Any, Dict


class Failed(Exception):
    """The task failed; `values` stand beside `msg` in its result."""

    def __init__(self, msg: str, **values: Any) -> None:
        super().__init__(msg)
        self.msg = msg
        self.values = values

    def with_values(self, **values: Any) -> "Failed":
        """The same failure, with more beside its message."""
        self.values.update(values)
        return self

    def result(self) -> Dict[str, Any]:
        """The result as Ansible has it."""
        return {"failed": True, "changed": False, "msg": self.msg, **self.values}


class Stopped(Exception):
    """The controller cancelled the run, its time is up, or the controller is gone."""
