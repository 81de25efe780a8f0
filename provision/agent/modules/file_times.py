"""Access and modification times, for the module file."""

from __future__ import annotations

import os
import time
from typing import Any, Mapping, Optional

from provision.agent.change import Change
from provision.agent.errors import Failed


def look(path: str, args: Mapping[str, Any], default: str) -> Optional[Change]:
    """The Change that sets the times; `default` is what an argument that was not given means."""
    status = os.stat(path) if os.path.exists(path) else os.lstat(path)
    wanted_m = _moment(args["modification_time"] or default, args["modification_time_format"], status.st_mtime)
    wanted_a = _moment(args["access_time"] or default, args["access_time_format"], status.st_atime)
    if (wanted_m, wanted_a) == (status.st_mtime, status.st_atime):
        return None
    both_now = (args["modification_time"] or default, args["access_time"] or default) == ("now", "now")

    def perform() -> None:
        try:
            os.utime(path, None if both_now else (wanted_a, wanted_m))
        except OSError as error:
            raise Failed("Error while updating modification or access time: %s" % error, path=path) from error

    before = {"path": path, "mtime": status.st_mtime, "atime": status.st_atime}
    return Change("set times of %s" % path, perform, before, {"path": path, "mtime": wanted_m, "atime": wanted_a})


def _moment(text: str, form: str, has: float) -> float:
    if text == "preserve":
        return has
    if text == "now":
        return time.time()
    try:
        return time.mktime(time.strptime(text, form))
    except (ValueError, OverflowError) as error:
        msg = "Error while obtaining timestamp for time %s using format %s: %s" % (text, form, error)
        raise Failed(msg) from error
