"""What goes wrong, told as what, why and next.

ProvisionError            exit 1
  UsageProblem            exit 2: wrong options, bad YAML, unknown names
  Unreachable             exit 4: host, cloud or service does not answer, or does not let us in
  BelowTarget             exit 5: measured, and not good enough
  Interrupted             exit 130: Ctrl-C, told by a job that knows what is left behind
"""

from __future__ import annotations


class ProvisionError(Exception):
    """A failure an operator can act on.

    `what` failed (host, task, command, exit code, last lines), `why` as far as known, `hint`: what to do next, as a
    command that can be pasted.
    """

    exit_code = 1

    def __init__(self, what: str, why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint


class UsageProblem(ProvisionError):
    """Wrong usage or input; nothing has been touched."""

    exit_code = 2


class Unreachable(ProvisionError):
    """A host, a cloud or a service does not answer, or refuses us."""

    exit_code = 4


class BelowTarget(ProvisionError):
    """Measured, and not as good as asked for."""

    exit_code = 5


class Interrupted(ProvisionError):
    """The operator stopped the job. `why` says what is left and what still costs money, `hint` removes it.

    A job catches KeyboardInterrupt (it is thrown into the job wherever Ctrl-C strikes) and raises this from it.
    """

    exit_code = 130
