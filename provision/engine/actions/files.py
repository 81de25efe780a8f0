"""copy, template, unarchive, script and fetch: modules whose file lies on the controller."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provision.agent.modules import copy_tree
from provision.engine import contents
from provision.engine.actions.decision import Here, Setting, There, Values
from provision.engine.contents import Content
from provision.engine.search import find
from provision.errors import ProvisionError
from provision.playbook.templating import JINJA_OPTIONS


def copy(setting: Setting) -> There:
    """`content` or a local `src` travels as content; a folder as a tree; `remote_src` stays on the target."""
    args = dict(setting.args)
    if "content" in setting.task.args and args.get("content") is not None:
        return _with_content("copy", args, contents.of_bytes(_inline(args.pop("content"))), args.get("dest"))
    if _yes(args.get("remote_src")):
        return There("copy", args)
    name = str(args.pop("src"))
    path = find(setting.task, "files", name, setting.playbook_folder)
    if path.is_dir():
        return _tree(args, path, with_folder=not name.endswith("/"))
    return _with_content("copy", args, contents.of_file(path), path.name, _preserved(args, path))


def template(setting: Setting) -> There:
    """Rendered here, copied there. The arguments that steer rendering stay here."""
    args = dict(setting.args)
    path = find(setting.task, "templates", str(args.pop("src")), setting.playbook_folder)
    overrides = {name: args.pop(name) for name in JINJA_OPTIONS & args.keys()}
    encoding = str(args.pop("output_encoding", "utf-8"))
    text = setting.templar.render_file(path, overrides)
    # The agent's specification asks for `src`, as Ansible's does; what it holds is not read there.
    sent = {**args, "src": path.name}
    return _with_content("template", sent, contents.of_bytes(text.encode(encoding)), path.name, _preserved(args, path))


def unarchive(setting: Setting) -> There:
    """A local archive travels, a remote one is unpacked where it lies."""
    args = dict(setting.args)
    if _yes(args.get("remote_src")) or "://" in str(args.get("src")) or _exists_there(setting, args):
        return There("unarchive", args)
    path = find(setting.task, "files", str(args["src"]), setting.playbook_folder)
    content = contents.of_file(path)
    return There("unarchive", {**args, "src": path.name, "_content": content.argument()}, (content,))


def uri(setting: Setting) -> There:
    """A local `src` is the body of the request."""
    args = dict(setting.args)
    if not args.get("src") or _yes(args.get("remote_src")):
        return There("uri", args)
    content = contents.of_file(find(setting.task, "files", str(args.pop("src")), setting.playbook_folder))
    return There("uri", {**args, "_content": content.argument()}, (content,))


def fetch(setting: Setting) -> There | Here:
    """Bring a file from the target, unless the same content lies here already."""
    args = setting.args
    destination = _fetched_path(setting, str(args["src"]), str(args["dest"]))
    have = contents.of_file(destination).digest if destination.is_file() else ""
    partial = destination.with_name(f".{destination.name}.part")

    def finish(result: Values) -> Values:
        result["dest"] = str(destination)
        if result.get("failed") or not result.get("exists") or result.get("digest") == have:
            return {**result, "changed": False}
        if setting.check:
            return {**result, "changed": True}
        return _arrived(result, partial, destination)

    asked = {**args, "_have_digest": have}
    return There("fetch", asked, finish=finish, wanted=partial)


def _arrived(result: Values, partial: Path, destination: Path) -> Values:
    """Put the file in its place, once it is whole."""
    if not partial.exists():  # an empty file has no pieces
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.touch()
    if contents.of_file(partial).digest != result.get("digest"):
        partial.unlink()
        return {**result, "failed": True, "changed": False, "msg": "the file changed while it was fetched"}
    partial.replace(destination)
    return {**result, "changed": True}


def _fetched_path(setting: Setting, source: str, destination: str) -> Path:
    path = Path(destination).expanduser()
    path = path if path.is_absolute() else setting.playbook_folder / path
    if _yes(setting.args.get("flat")):
        return path / Path(source).name if destination.endswith("/") else path
    return path / setting.host / source.lstrip("/")


def _with_content(
    module: str, args: Values, content: Content, name: Any, mode: Mapping[str, str] | None = None
) -> There:
    sent = {**args, **(mode or {}), "_content": content.argument(), "_original_basename": str(name)}
    return There(module, sent, (content,))


def _tree(args: Values, root: Path, with_folder: bool) -> There:
    """Every file of a folder with its digest, in one module call; the agent asks for what it lacks."""
    follow = _yes(args.get("local_follow", True))
    top = str(root) + ("" if with_folder else "/")
    try:
        entries = copy_tree.entries({"src": top, "local_follow": follow})
    except OSError as error:
        raise ProvisionError(f"cannot read {error.filename} on this machine", str(error.strerror)) from error
    found = [
        Content(entry["digest"], entry["size"], path=Path(entry.pop("source")))
        for entry in entries
        if entry.get("kind", "file") == "file"
    ]
    return There("copy", {**args, "_tree": entries}, tuple(found))


def _preserved(args: Mapping[str, Any], path: Path) -> Mapping[str, str]:
    """The mode that `mode: preserve` means."""
    return {"_source_mode": f"{path.stat().st_mode & 0o7777:04o}"} if args.get("mode") == "preserve" else {}


def _inline(content: Any) -> bytes:
    """Ansible writes structures as JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    return text.encode()


def _exists_there(setting: Setting, args: Mapping[str, Any]) -> bool:
    if "copy" in args and not _yes(args["copy"]):
        return True
    if not args.get("src"):
        raise ProvisionError("unarchive needs src", hint=f"see {setting.task.where}")
    return False


def _yes(value: Any) -> bool:
    return value is True or str(value).lower() in ("true", "yes", "on", "1")
