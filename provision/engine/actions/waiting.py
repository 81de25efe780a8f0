"""reboot and wait_for_connection: the connection goes away, and comes back."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable

from provision.engine.actions.decision import AtTheDoor, Here, Setting, Values, Way
from provision.errors import Unreachable

_BOOT = "cat /proc/sys/kernel/random/boot_id; cut -d' ' -f22 /proc/1/stat"
"""A container keeps its kernel's boot id when it restarts, so the age of its first process is asked for too."""

_RETRY_S = 1.0


def reboot(setting: Setting) -> AtTheDoor | Here:
    """Restart the host and wait until it is back and answers `test_command`."""
    if setting.check:
        return Here({"changed": True, "rebooted": True, "elapsed": 0})
    asking = str(setting.argument("boot_time_command", _BOOT))
    command = setting.argument("reboot_command") or _shutdown(setting)
    test = str(setting.argument("test_command", "whoami"))
    timeout_s = float(setting.argument("reboot_timeout", 600))
    before_s, after_s = (float(setting.argument(f"{when}_reboot_delay", 0)) for when in ("pre", "post"))

    def act(way: Way) -> Values:
        begun = time.monotonic()
        old = way.run(asking).stdout
        # Detached and a second late, so that the answer still gets through.
        way.run(f"nohup sh -c {shlex.quote(f'sleep {before_s + 1}; {command}')} >/dev/null 2>&1 &")
        way.pause(before_s + 1)
        back = _until(lambda: way.run(asking).stdout != old and way.run(test).exit_code == 0, way, begun + timeout_s)
        if not back:
            return {"failed": True, "changed": True, "rebooted": False, "msg": f"not back within {timeout_s:.0f} s"}
        way.pause(after_s)
        return {"changed": True, "rebooted": True, "elapsed": round(time.monotonic() - begun)}

    return AtTheDoor(act, _connect_timeout(setting))


def _shutdown(setting: Setting) -> str:
    paths = setting.argument("search_paths", ["/sbin", "/bin", "/usr/sbin", "/usr/bin", "/usr/local/sbin"])
    message = shlex.quote(str(setting.argument("msg", "Reboot initiated by provision")))
    return f"PATH={shlex.quote(':'.join(map(str, paths)))} shutdown -r now {message}"


def _connect_timeout(setting: Setting) -> float:
    return float(setting.argument("connect_timeout", 0))


def wait_for_connection(setting: Setting) -> AtTheDoor | Here:
    """Wait until the host lets us in and runs a command."""
    if setting.check:
        return Here({"skipped": True, "changed": False})
    timeout_s = float(setting.argument("timeout", 600))
    delay_s = float(setting.argument("delay", 0))
    pause_s = float(setting.argument("sleep", _RETRY_S))

    def act(way: Way) -> Values:
        begun = time.monotonic()
        way.pause(delay_s)
        if _until(lambda: way.run("true").exit_code == 0, way, begun + timeout_s, pause_s):
            return {"changed": False, "elapsed": round(time.monotonic() - begun)}
        return {"failed": True, "changed": False, "msg": f"timed out waiting for a connection ({timeout_s:.0f} s)"}

    return AtTheDoor(act, _connect_timeout(setting))


def _until(good: Callable[[], bool], way: Way, deadline: float, pause_s: float = _RETRY_S) -> bool:
    """Ask over new connections until the answer is yes."""
    while time.monotonic() < deadline:
        way.hang_up()
        try:
            if good():
                return True
        except Unreachable:
            pass  # still going down, or still coming up
        way.pause(pause_s)
    return False
