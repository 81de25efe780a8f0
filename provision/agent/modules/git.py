"""A working copy of a git repository, at the version that is wanted."""

from __future__ import annotations

import os
import re
import shutil
from typing import Any, List, Mapping, Optional

from provision.agent.change import Answer, Change, Unchanged, Values
from provision.agent.errors import Failed
from provision.agent.files import hashes
from provision.agent.git_repository import Repository
from provision.agent.target import Target

_SHA = re.compile(r"[0-9a-f]{7,40}")


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """The remote is asked what the version is, before anything is fetched."""
    repository = Repository(args, target)
    if args["umask"] is not None and not isinstance(args["umask"], str):
        raise Failed("umask must be defined as a quoted octal integer")
    if not repository.exists():
        return _look_new(args, repository)
    before = repository.head()
    if not args["update"]:
        values: Values = {"before": before, "after": before}
        return _archive_change(args, repository, values) or Unchanged(values)
    return _look_existing(args, repository, before)


def _look_new(args: Mapping[str, Any], repository: Repository) -> Answer:
    values: Values = {"before": None}
    if not args["clone"]:
        return Change("nothing is cloned", values={**values, "after": repository.remote_head(repository.url)})
    if os.path.isdir(repository.dest) and os.listdir(repository.dest) and not args["bare"]:
        raise Failed("%s is not empty, and no git repository" % repository.dest, **values)

    def perform() -> Values:
        _clone(args, repository)
        _switch(args, repository)
        _update_submodules(args, repository)
        return {"after": repository.head(), **_archived(args, repository)}

    return Change("clone %s" % repository.url, perform, "", repository.url + "\n", values=values)


def _look_existing(args: Mapping[str, Any], repository: Repository, before: Optional[str]) -> Answer:
    dirty = repository.has_local_changes()
    if dirty and not args["force"]:
        msg = "Local modifications exist in the destination: %s (force=no)." % repository.dest
        raise Failed(msg, before=before)
    url = repository.remote_url()
    moved = url is not None and url != repository.url
    source = args["remote"] if url and not moved else repository.url
    wanted = repository.remote_head(source)
    values: Values = {"before": before, "after": before, "remote_url_changed": moved}
    version = args["version"]
    is_there = before is not None and (
        before == wanted or (bool(_SHA.fullmatch(version)) and before.startswith(version))
    )
    if is_there and not dirty and not moved and not _stale_submodules(args, repository):
        return _archive_change(args, repository, values) or Unchanged(values)

    def perform() -> Values:
        return _updated(args, repository, values, dirty)

    shown = (before or "") + "\n", (wanted or version) + "\n"
    return Change("update %s" % repository.dest, perform, *shown, values={**values, "after": wanted})


def _updated(args: Mapping[str, Any], repository: Repository, values: Values, dirty: bool) -> Values:
    if dirty:
        repository.must("reset", "--hard", "HEAD")
    if values["remote_url_changed"] or repository.remote_url() is None:
        verb = "set-url" if values["remote_url_changed"] else "add"
        repository.must("remote", verb, args["remote"], repository.url)
    _fetch(args, repository)
    _switch(args, repository)
    stale = _stale_submodules(args, repository)
    _update_submodules(args, repository)
    after = repository.head()
    changed = bool(dirty or stale or values["remote_url_changed"] or after != values["before"])
    return {**values, "after": after, "changed": changed, **_archived(args, repository)}


def _clone(args: Mapping[str, Any], repository: Repository) -> None:
    words = ["clone", "--origin", args["remote"]]
    version = args["version"]
    words += ["--bare"] if args["bare"] else []
    words += ["--separate-git-dir=%s" % args["separate_git_dir"]] if args["separate_git_dir"] else []
    words += ["--reference", args["reference"]] if args["reference"] else []
    words += ["--single-branch"] if args["single_branch"] else []
    words += ["--depth", str(args["depth"])] if args["depth"] and not args["refspec"] else []
    if not _SHA.fullmatch(version) and version != "HEAD" and not args["refspec"]:
        words += ["--branch", version]
    os.makedirs(os.path.dirname(repository.dest) or "/", exist_ok=True)
    repository.must(*words, repository.url, repository.dest, here=False, live=True)
    if args["refspec"]:
        repository.must("fetch", *_depth(args), args["remote"], args["refspec"], live=True)


def _fetch(args: Mapping[str, Any], repository: Repository) -> None:
    remote, version = args["remote"], args["version"]
    specs = ["+refs/heads/*:refs/heads/*"] if args["bare"] else ["+refs/heads/*:refs/remotes/%s/*" % remote]
    specs += ["+refs/tags/*:refs/tags/*"]
    specs += [args["refspec"]] if args["refspec"] else []
    repository.must("fetch", "--force", *_depth(args), remote, *specs, live=True)
    if re.fullmatch("[0-9a-f]{40}", version) and repository.run("cat-file", "-e", version + "^{commit}").rc:
        repository.must("fetch", *_depth(args), remote, version, live=True)


def _depth(args: Mapping[str, Any]) -> List[str]:
    return ["--depth", str(args["depth"])] if args["depth"] else []


def _switch(args: Mapping[str, Any], repository: Repository) -> None:
    """Check out the version; a branch goes where the remote's branch is."""
    if args["bare"]:
        return
    branch = _branch(args, repository)
    if branch is not None:
        ref = "%s/%s" % (args["remote"], branch)
        repository.must("checkout", "--force", "-B", branch, "--track", ref)
        repository.must("reset", "--hard", ref, "--")
    else:
        repository.must("checkout", "--force", args["version"], "--")
    if args["verify_commit"]:
        _verify(args, repository)


def _branch(args: Mapping[str, Any], repository: Repository) -> Optional[str]:
    """The remote branch that `version` means; None when it is a tag or a commit."""
    names = repository.branches()
    if args["version"] == "HEAD":
        completed = repository.run("symbolic-ref", "-q", "refs/remotes/%s/HEAD" % args["remote"])
        ref = completed.stdout.strip()
        if not ref:
            repository.run("remote", "set-head", args["remote"], "--auto")
            ref = repository.run("symbolic-ref", "-q", "refs/remotes/%s/HEAD" % args["remote"]).stdout.strip()
        name = ref.partition("refs/remotes/%s/" % args["remote"])[2]
        return name if name in names else None
    return args["version"] if args["version"] in names else None


def _verify(args: Mapping[str, Any], repository: Repository) -> None:
    completed = repository.run("verify-commit", "--raw", "HEAD")
    allowed = args["gpg_allowlist"]
    words = completed.stderr.split()
    if completed.rc or (allowed and not any(key in words for key in allowed)):
        raise Failed('Failed to verify GPG signature of commit/tag "%s"' % args["version"], stderr=completed.stderr)


def _has_submodules(args: Mapping[str, Any], repository: Repository) -> bool:
    is_wanted = args["recursive"] and not args["bare"]
    return is_wanted and os.path.exists(os.path.join(repository.dest, ".gitmodules"))


def _stale_submodules(args: Mapping[str, Any], repository: Repository) -> bool:
    """Whether a submodule is missing or stands at another commit than the repository wants."""
    if not _has_submodules(args, repository):
        return False
    if args["track_submodules"]:
        return True  # only fetching tells; the result says whether anything moved
    lines = repository.must("submodule", "status", "--recursive").splitlines()
    return any(line[:1] in ("-", "+", "U") for line in lines)


def _update_submodules(args: Mapping[str, Any], repository: Repository) -> None:
    if not _has_submodules(args, repository):
        return
    repository.must("submodule", "sync", "--recursive")
    words = ["submodule", "update", "--init", "--recursive"]
    words += ["--remote"] if args["track_submodules"] else []
    repository.must(*words, *(["--force"] if args["force"] else []), live=True)


def _archive_change(args: Mapping[str, Any], repository: Repository, values: Values) -> Optional[Change]:
    """An archive that has not been made yet, of a repository that is as wanted."""
    if not args["archive"] or os.path.exists(args["archive"]):
        return None
    return Change("archive", lambda: _archived(args, repository), values=values)


def _archived(args: Mapping[str, Any], repository: Repository) -> Values:
    """`git archive` beside its place, moved there when it differs."""
    path = args["archive"]
    if not path:
        return {}
    kind = next((end for end in ("tar.gz", "tgz", "tar", "zip") if path.endswith("." + end)), None)
    if kind is None:
        raise Failed("Unable to get file extension from archive file name : %s" % path)
    part = os.path.join(os.path.dirname(path), ".%s.part" % os.path.basename(path))
    words = ["archive", "--format", kind, "--output", part]
    words += ["--prefix", args["archive_prefix"]] if args["archive_prefix"] else []
    repository.must(*words, "HEAD")
    if os.path.exists(path) and hashes(path, "sha256") == hashes(part, "sha256"):
        os.unlink(part)
        return {}
    shutil.move(part, path)
    return {"archive": path, "changed": True}
