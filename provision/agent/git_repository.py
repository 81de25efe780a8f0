"""The door to git: one working copy (or bare repository) and its remote."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, List, Mapping, Optional

from provision.agent.errors import Failed
from provision.agent.process import Completed, quoted
from provision.agent.target import Target, failed

_SHA = re.compile(r"[0-9a-f]{40}")


class Repository:
    """Runs git with what the task says about keys and host keys."""

    def __init__(self, args: Mapping[str, Any], target: Target) -> None:
        self._args = args
        self._target = target
        self._program = args["executable"] or target.need("git")
        self._environment = _ssh(args)
        self.url = _url(args["repo"])
        self.dest = os.path.abspath(args["dest"]) if args["dest"] else ""

    def run(self, *words: str, here: bool = True, live: bool = False) -> Completed:
        """Any git command, in the working copy unless told otherwise; how it ended is for the caller to judge."""
        environment = {**self._environment, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "LANG": "C"}
        cwd = self.dest if here else None
        umask = int(str(self._args["umask"]), 8) if self._args["umask"] is not None else -1
        return self._target.run([self._program, *words], cwd, environment, live=live, umask=umask)

    def must(self, *words: str, here: bool = True, live: bool = False) -> str:
        """A git command that has to succeed, and what it prints."""
        completed = self.run(*words, here=here, live=live)
        if completed.rc:
            raise failed([self._program, *words], completed, _trouble(words, completed))
        return completed.stdout.strip()

    def exists(self) -> bool:
        """Whether `dest` holds a repository already."""
        return bool(self.dest) and os.path.exists(os.path.join(self.folder(), "config"))

    def folder(self) -> str:
        """Where git keeps its own files."""
        if self._args["bare"]:
            return self.dest
        place = os.path.join(self.dest, ".git")
        if os.path.isfile(place):
            with open(place) as file:
                return os.path.join(self.dest, file.read().partition("gitdir:")[2].strip())
        return place

    def head(self) -> Optional[str]:
        """The commit that is checked out; None in an empty repository."""
        completed = self.run("rev-parse", "--verify", "-q", "HEAD")
        return completed.stdout.strip() or None

    def has_local_changes(self) -> bool:
        """Whether tracked files differ from the commit."""
        if self._args["bare"]:
            return False
        lines = self.must("status", "--porcelain").splitlines()
        return any(not line.startswith("??") for line in lines)

    def remote_url(self) -> Optional[str]:
        """The address that the remote has now."""
        completed = self.run("config", "--get", "remote.%s.url" % self._args["remote"])
        return completed.stdout.strip() or None

    def remote_head(self, source: str) -> Optional[str]:
        """The commit that `version` names on the other side; a commit id stands for itself."""
        version = self._args["version"]
        if _SHA.fullmatch(version):
            return str(version)
        here = bool(self.dest) and os.path.isdir(self.dest)
        listing = self.must("ls-remote", source, here=here)
        return chosen(listing, version)

    def branches(self) -> List[str]:
        """Branches of the remote that are known here."""
        prefix = "refs/remotes/%s/" % self._args["remote"]
        refs = self.must("for-each-ref", "--format=%(refname)", prefix).splitlines()
        return [ref[len(prefix) :] for ref in refs]


def chosen(listing: str, version: str) -> Optional[str]:
    """What ls-remote says of HEAD, a branch, or a tag (the commit that an annotated tag stands for)."""
    refs: Dict[str, str] = {}
    for line in listing.splitlines():
        sha, _, ref = line.partition("\t")
        refs[ref] = sha
    for ref in (version, "refs/heads/" + version, "refs/tags/%s^{}" % version, "refs/tags/" + version):
        if ref in refs:
            return refs[ref]
    return None


def _url(repo: str) -> str:
    path = os.path.expanduser(repo)
    return "file://" + path if path.startswith("/") else repo


def _ssh(args: Mapping[str, Any]) -> Dict[str, str]:
    words = ["ssh"]
    if args["key_file"]:
        if not os.path.exists(args["key_file"]):
            raise Failed("could not find the key_file: %s" % args["key_file"])
        words += ["-i", args["key_file"], "-o", "IdentitiesOnly=yes"]
    options = (args["ssh_opts"] or "").split()
    if not any("StrictHostKeyChecking" in word for word in options):
        options += ["-o", "StrictHostKeyChecking=no"] if args["accept_hostkey"] else []
        options += ["-o", "StrictHostKeyChecking=accept-new"] if args["accept_newhostkey"] else []
    if len(words) == 1 and not options:
        return {}
    return {"GIT_SSH_COMMAND": quoted([*words, *options, "-o", "BatchMode=yes"])}


def _trouble(words: "tuple[str, ...]", completed: Completed) -> str:
    lines = [line for line in completed.stderr.strip().splitlines() if line.startswith(("fatal:", "error:"))]
    return "git %s failed: %s" % (words[0], lines[0] if lines else completed.stderr.strip())
