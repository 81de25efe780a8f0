"""Turns playbook files into plays: their keywords, roles and tasks in Ansible's order, imported playbooks in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from provision.inventory.documents import Document, Location
from provision.inventory.places import is_file
from provision.playbook import keywords
from provision.playbook.contexts import inherited
from provision.playbook.files import candidates
from provision.playbook.jinja import TemplateProblem, is_template
from provision.playbook.nodes import NodeReader, Place
from provision.playbook.problems import Notebook, kind_of
from provision.playbook.templating import Templar
from provision.playbook.values import Context, Node, Play, Raw, Task

_CONNECTION = {
    "connection": "ansible_connection",
    "user": "ansible_user",
    "remote_user": "ansible_user",
    "port": "ansible_port",
}
_PREFIX = "ansible.builtin."


@dataclass(frozen=True)
class _Imported:
    """What import_playbook gives to the plays of the file that it names."""

    vars: Mapping[str, Raw] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    when: tuple[Raw, ...] = ()
    above: tuple[Path, ...] = ()


@dataclass(frozen=True)
class PlaybookReader:
    """Reads playbook files; everything wrong goes to `notes`."""

    notes: Notebook
    extra_vars: Mapping[str, Any] = field(default_factory=dict)

    def plays(self, path: Path, where: Location, imported: _Imported | None = None) -> tuple[Play, ...]:
        """The plays of a file."""
        brought = imported or _Imported()
        if path in brought.above:
            self.notes.fault(where, f"{path} imports itself")
            return ()
        document = self.notes.read(path, where)
        if document.value is None:
            if not document.faults and not self.notes.faults:
                self.notes.fault(document.where(), "this playbook is empty")
            return ()
        if not isinstance(document.value, list):
            told = f"a playbook is a list of plays, not {kind_of(document.value)}"
            self.notes.fault(document.where(document.value), told)
            return ()
        inner = replace(brought, above=(*brought.above, path))
        return tuple(play for entry in document.value for play in self._entry(entry, document, path, inner))

    def _entry(self, entry: Any, document: Document, path: Path, imported: _Imported) -> tuple[Play, ...]:
        if not isinstance(entry, dict):
            where = document.where(document.value, document.value.index(entry))
            self.notes.fault(where, f"a play is a mapping, not {kind_of(entry)}")
            return ()
        key = next((key for key in ("import_playbook", f"{_PREFIX}import_playbook") if key in entry), None)
        if key:
            return self._import(entry, key, document, path, imported)
        return (self._play(entry, document, path, imported),)

    def _import(
        self, said: dict[Any, Any], key: str, document: Document, path: Path, imported: _Imported
    ) -> tuple[Play, ...]:
        table = {**keywords.IMPORT_PLAYBOOK, key: keywords.anything}
        values = self._values(said, table, "import_playbook", document)
        name = self._file_name(said[key], document.where(said, key), {**imported.vars, **values.get("vars", {})})
        if not name:
            return ()
        inner = replace(
            imported,
            vars={**imported.vars, **values.get("vars", {})},
            tags=imported.tags | values.get("tags", frozenset()),
            when=(*imported.when, *values.get("when", ())),
        )
        return self.plays(path.parent / name, document.where(said, key), inner)

    def _file_name(self, name: Any, where: Location, variables: Mapping[str, Raw]) -> str:
        if not isinstance(name, str) or not name.strip():
            self.notes.fault(where, "`import_playbook` takes the name of a file")
            return ""
        try:
            return str(Templar({**variables, **self.extra_vars}).render(name)).strip()
        except TemplateProblem as error:
            self.notes.fault(where, error.what)
            return ""

    def _play(self, said: dict[Any, Any], document: Document, path: Path, imported: _Imported) -> Play:
        values = self._values(said, keywords.PLAY, "a play", document)
        self._refuse_values(values, said, document)
        variables = {**values.get("vars", {}), **imported.vars}
        folder = path.parent
        files = self._vars_files(said, document, folder)
        tags = values.get("tags", frozenset()) | imported.tags
        own = {key: value for key, value in values.items() if key not in ("vars", "when")}
        context = inherited(Context(play_folder=folder, when=imported.when), {**own, "tags": tags})
        reader = NodeReader(self.notes, variables, self.extra_vars)
        first = len(self.notes.warnings)
        tasks = self._tasks(said, reader, Place(document, folder, context, above=()))
        handlers = self._handlers(said, reader, Place(document, folder, context, handlers=True))
        return Play(
            document.where(said),
            values.get("name") or _name_of(said.get("hosts")),
            self._hosts(said, document),
            tasks,
            handlers,
            vars=variables,
            vars_files=files,
            gather_facts=True if values.get("gather_facts") is None else values["gather_facts"],
            become=values.get("become"),
            become_user=values.get("become_user"),
            roles=(*reader.roles["listed"], *reader.roles["imported"]),
            folder=folder,
            force_handlers=values.get("force_handlers") is True,
            connection={_CONNECTION[key]: values[key] for key in _CONNECTION if key in values},
            warnings=tuple(self.notes.warnings[first:]),
        )

    def _values(
        self, said: dict[Any, Any], table: Mapping[str, keywords.Convert], what: str, document: Document
    ) -> dict[str, Any]:
        for key in said:
            if key not in table:
                keywords.refuse(key, document.where(said, key), table, what, self.notes)
        return keywords.converted(said, table, document, self.notes)

    def _refuse_values(self, values: Mapping[str, Any], said: dict[Any, Any], document: Document) -> None:
        for key, allowed in keywords.ALLOWED_VALUES.items():
            if key in values and values[key] not in allowed and not is_template(str(values[key])):
                told = f"`{key}: {values[key]}` is not done by provision; there is {', '.join(allowed)}"
                self.notes.fault(document.where(said, key), told)
        if set(values.get("collections", ())) - {"ansible.builtin", "ansible.legacy"}:
            where = document.where(said, "collections")
            self.notes.warn(where, "`collections` does not find modules or roles yet; write their full names")

    def _hosts(self, said: dict[Any, Any], document: Document) -> Raw:
        hosts = said.get("hosts")
        fine = isinstance(hosts, str) or (isinstance(hosts, list) and all(isinstance(host, str) for host in hosts))
        if not hosts or not fine:
            where = document.where(said, "hosts") if "hosts" in said else document.where(said)
            self.notes.fault(where, "a play needs `hosts`: a pattern, or a list of patterns")
        return hosts

    def _vars_files(self, said: dict[Any, Any], document: Document, folder: Path) -> tuple[Raw, ...]:
        """The entries of vars_files; a file whose name is plain must be there and be right."""
        value = said.get("vars_files")
        entries = value if isinstance(value, list) else [] if value is None else [value]
        for number, entry in enumerate(entries):
            where = document.where(value, number) if isinstance(value, list) else document.where(said, "vars_files")
            self._look_at(entry, where, folder)
        return tuple(entries)

    def _look_at(self, entry: Any, where: Location, folder: Path) -> None:
        names = entry if isinstance(entry, list) else [entry]
        if any(not isinstance(name, str) for name in names):
            self.notes.fault(where, "an entry of `vars_files` is the name of a file, or a list of names")
            return
        if any(is_template(name) for name in names):
            return
        found = next((path for name in names for path in _vars_candidates(folder, name) if is_file(path)), None)
        if found is None:
            self.notes.fault(where, f"there is no file {' or '.join(f'`{name}`' for name in names)}")
            return
        read = self.notes.read(found, where)
        if not isinstance(read.value, (dict, type(None))):
            self.notes.fault(
                read.where(read.value), f"a file of variables holds one mapping, not {kind_of(read.value)}"
            )

    def _tasks(self, said: dict[Any, Any], reader: NodeReader, place: Place) -> tuple[Node, ...]:
        """pre_tasks, roles, tasks, post_tasks; handlers run at the end of each of these sections."""
        before = reader.nodes(said.get("pre_tasks"), place, said, "pre_tasks")
        roles = reader.role_list(said.get("roles"), said, "roles", replace(place, source="listed"))
        main = reader.nodes(said.get("tasks"), place, said, "tasks")
        after = reader.nodes(said.get("post_tasks"), place, said, "post_tasks")
        flush = _flush(place.document.where(said), place.folder)
        return (
            *before,
            *([flush] if before else []),
            *roles,
            *main,
            *([flush] if after and (roles or main) else []),
            *after,
        )

    def _handlers(self, said: dict[Any, Any], reader: NodeReader, place: Place) -> tuple[Task, ...]:
        """The play's own handlers come after those of its roles; where names are equal the last one counts."""
        own = [node for node in reader.nodes(said.get("handlers"), place, said, "handlers") if isinstance(node, Task)]
        return (*reader.handlers, *own)


def _vars_candidates(folder: Path, name: str) -> list[Path]:
    wanted = Path(name).expanduser()
    return [wanted] if wanted.is_absolute() else candidates((folder,), "vars", name)


def _name_of(hosts: Raw) -> str:
    return ",".join(map(str, hosts)) if isinstance(hosts, list) else str(hosts or "")


def _flush(where: Location, folder: Path) -> Task:
    """The notified handlers run here, whatever tags are asked for."""
    return Task(where, "", "meta", {"_raw_params": "flush_handlers"}, folder, tags=frozenset({"always"}))
