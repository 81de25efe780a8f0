"""The door to apt: waits for its locks, retries its downloads, mends what an interrupted run left."""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from provision.agent.errors import Failed
from provision.agent.process import Completed, quoted
from provision.agent.target import Target

STAMP = "/var/lib/apt/periodic/update-success-stamp"
LISTS = "/var/lib/apt/lists"
POLICY = "/usr/sbin/policy-rc.d"

_ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "NEEDRESTART_SUSPEND": "1",
    "LC_ALL": "C",
    "LANG": "C",
    "LANGUAGE": "C",
}
_LOCKED = re.compile(r"Could not get lock|Unable to lock|Unable to acquire the dpkg frontend lock|is another process")
_INTERRUPTED = "dpkg was interrupted"
_NOT_FETCHED = re.compile(r"^(W: |E: )?(Failed to fetch|Some index files failed to download)|^Err:", re.M)
_NOTHING = re.compile(r"^0 upgraded, 0 newly installed, (0 downgraded, )?0 to remove", re.M)


class AptGet:
    """apt-get with the options of one task."""

    def __init__(self, args: Mapping[str, Any], target: Target) -> None:
        self._args = args
        self._target = target
        self._program = target.need("apt-get")

    def options(self) -> List[str]:
        """What the task's arguments mean to apt-get."""
        args = self._args
        words = ["-y", "-q", "-o", "DPkg::Lock::Timeout=%d" % args["lock_timeout"]]
        for option in filter(None, (one.strip() for one in args["dpkg_options"].split(","))):
            words += ["-o", "Dpkg::Options::=--%s" % option]
        if args["install_recommends"] is not None:
            words += ["-o", "APT::Install-Recommends=%s" % ("yes" if args["install_recommends"] else "no")]
        words += ["-t", args["default_release"]] if args["default_release"] else []
        return words + self._permissions()

    def run(self, *words: str) -> Completed:
        """Do something for real, its lines told meanwhile; Failed when it does not work."""
        with self._service_policy():
            completed = self._patiently([*self.options(), *words])
        if completed.rc:
            raise self.failure(words, completed)
        return completed

    def simulate(self, *words: str) -> Completed:
        """What would happen; Failed when it could not."""
        completed = self._start([*self.options(), "--simulate", *words], live=False)
        if completed.rc:
            raise self.failure(words, completed)
        return completed

    def query(self, program: str, *words: str) -> str:
        """What another program of apt prints."""
        return self._target.run([self._target.need(program), *words], environment=_ENVIRONMENT).stdout

    def failure(self, words: Sequence[str], completed: Completed) -> Failed:
        """In Ansible's words where it has some."""
        values: Dict[str, Any] = {"rc": completed.rc, "stdout": completed.stdout, "stderr": completed.stderr}
        unknown = re.search(r"Unable to locate package (\S+)|Package '(\S+)' has no installation", completed.stderr)
        if unknown:
            name = unknown.group(1) or unknown.group(2)
            return Failed("No package matching '%s' is available" % name, **values)
        if _LOCKED.search(completed.stderr):
            msg = "Failed to lock apt for exclusive operation: %s" % completed.stderr.strip()
            return Failed(msg, **values)
        line = quoted([self._program, *self.options(), *words])
        return Failed("'%s' failed: %s" % (line, completed.stderr.strip()), **values)

    def update(self) -> None:
        """Fetch the lists, as often as the task allows."""
        tries = max(1, int(self._args["update_cache_retries"]))
        for attempt in range(tries):
            completed = self._patiently(["-q", "update"])
            if completed.rc == 0 and not _NOT_FETCHED.search(completed.stderr):
                _touch_stamp()
                return
            if attempt + 1 < tries:
                delay = min(2**attempt, self._args["update_cache_retry_max_delay"])
                self._target.warn(
                    "Failed to update cache after %d retries due to %s, retrying" % (attempt + 1, _last(completed))
                )
                self._target.sleep(delay)
        raise Failed("Failed to update apt cache after %d retries: %s" % (tries, _last(completed)))

    def _permissions(self) -> List[str]:
        flags: Tuple[Tuple[str, str], ...] = (
            ("allow_unauthenticated", "--allow-unauthenticated"),
            ("allow_downgrade", "--allow-downgrades"),
            ("allow_change_held_packages", "--allow-change-held-packages"),
            ("fail_on_autoremove", "--no-remove"),
            ("only_upgrade", "--only-upgrade"),
        )
        words = [option for name, option in flags if self._args[name]]
        if self._args["force"]:
            words += ["--allow-unauthenticated", "--allow-downgrades", "--allow-remove-essential"]
            words += ["--allow-change-held-packages"]
        return words

    def _patiently(self, words: Sequence[str]) -> Completed:
        """First-boot upgrades hold the locks for minutes; an interrupted dpkg wants to be finished first."""
        end = time.monotonic() + self._args["lock_timeout"]
        mended = told = False
        while True:
            completed = self._start(words, live=True)
            if not completed.rc:
                return completed
            if _INTERRUPTED in completed.stderr and not mended:
                mended = True
                self._mend()
            elif _LOCKED.search(completed.stderr) and time.monotonic() < end:
                if not told:
                    self._target.say("stdout", "waiting for another process to release apt's lock")
                told = True
                self._target.sleep(2)
            else:
                return completed

    def _mend(self) -> None:
        self._target.warn("an earlier run of dpkg was interrupted: it is finished now with dpkg --configure -a")
        argv = [self._target.need("dpkg"), "--configure", "-a", "--force-confdef", "--force-confold"]
        self._target.run(argv, environment=_ENVIRONMENT, live=True)

    def _start(self, words: Sequence[str], live: bool) -> Completed:
        return self._target.run([self._program, *words], environment=_ENVIRONMENT, live=live)

    @contextmanager
    def _service_policy(self) -> Iterator[None]:
        """`policy_rc_d`: what invoke-rc.d is told while packages start their services."""
        code = self._args["policy_rc_d"]
        if code is None:
            yield
            return
        before = None
        if os.path.exists(POLICY):
            with open(POLICY, "rb") as file:
                before = file.read()
        _write_policy(b"#!/bin/sh\nexit %d\n" % code)
        try:
            yield
        finally:
            if before is None:
                os.unlink(POLICY)
            else:
                _write_policy(before)


def does_nothing(simulated: Completed) -> bool:
    """Whether a simulation says that nothing would happen."""
    return bool(_NOTHING.search(simulated.stdout)) and not re.search(r"^(Inst|Remv|Purg|Conf) ", simulated.stdout, re.M)


def lists_time() -> int:
    """When the lists were fetched last, in seconds since 1970."""
    for path in (STAMP, LISTS):
        if os.path.exists(path):
            return int(os.stat(path).st_mtime)
    return 0


def _touch_stamp() -> None:
    """Ansible takes this stamp's time; Debian's own hook makes it only where a package brings it."""
    if os.path.exists(STAMP):
        os.utime(STAMP)
    elif os.path.isdir(LISTS):
        os.utime(LISTS)


def _write_policy(data: bytes) -> None:
    with open(POLICY, "wb") as file:
        file.write(data)
    os.chmod(POLICY, 0o755)


def _last(completed: Completed) -> str:
    lines = completed.stderr.strip().splitlines()
    told = [line for line in lines if "Failed to fetch" in line or line.startswith("E: ")]
    return (told or lines or ["unknown reason"])[-1]
