"""Turns lists of tasks into values: blocks, tasks with all they inherit, imported files and roles in their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from provision.inventory.documents import Document, Location
from provision.inventory.places import is_file, is_folder
from provision.playbook import keywords, roles
from provision.playbook.actions import About, Action, ActionReader
from provision.playbook.contexts import inherited
from provision.playbook.files import candidates
from provision.playbook.jinja import TemplateProblem, is_template
from provision.playbook.loops import LoopTerms, read_loop
from provision.playbook.problems import Notebook, kind_of
from provision.playbook.roles import Parts, RoleFiles
from provision.playbook.scope import Variables
from provision.playbook.templating import Templar
from provision.playbook.values import Block, Context, Node, Raw, Role, Task

_DEEPEST = 40
_FIELDS = {"async": "async_s", "poll": "poll_s"}
_INCLUDES = ("include_tasks", "include_role")
_ROLE_WORDS = ("role", "name", "src")


Source = Literal["listed", "imported", "dependency"]


@dataclass(frozen=True)
class Place:
    """Where a list of tasks stands: the file, what it inherits, and the files that brought it in.

    `rescued`: a failure there is caught. `source`: how the roles that are named there come in.
    """

    document: Document
    folder: Path
    context: Context
    handlers: bool = False
    above: tuple[Path, ...] = ()
    rescued: bool = False
    in_block: bool = False
    source: Source = "imported"


@dataclass
class NodeReader:
    """Reads tasks of one play. On the way it collects handlers, and roles by how they came in.

    Of imported roles the outer one comes after those that it imports itself: the later role's variables win.
    """

    notes: Notebook
    play_vars: Mapping[str, Raw] = field(default_factory=dict)
    extra_vars: Mapping[str, Any] = field(default_factory=dict)
    roles: dict[Source, list[Role]] = field(default_factory=lambda: {"listed": [], "imported": [], "dependency": []})
    handlers: list[Task] = field(default_factory=list)
    _done: list[tuple[Any, Context]] = field(default_factory=list)

    # -- tasks and blocks ------------------------------------------------------------------------------------------

    def nodes(self, value: Any, place: Place, container: Any = None, key: Any = None) -> tuple[Node, ...]:
        """The tasks of a list."""
        if value is None:
            return ()
        if not isinstance(value, list):
            where = place.document.where(container if container is not None else value, key)
            self.notes.fault(where, f"tasks are a list, not {kind_of(value)}")
            return ()
        return tuple(node for entry in value for node in self._entry(entry, value, place))

    def _entry(self, entry: Any, container: list[Any], place: Place) -> tuple[Node, ...]:
        if not isinstance(entry, dict):
            where = place.document.where(container, container.index(entry))
            self.notes.fault(where, f"a task is a mapping, not {kind_of(entry)}")
            return ()
        if "block" in entry or (not place.handlers and ("rescue" in entry or "always" in entry)):
            return self._block(entry, place)
        return self._task(entry, place)

    def _block(self, said: dict[Any, Any], place: Place) -> tuple[Node, ...]:
        where = place.document.where(said)
        for key in said:
            if key not in keywords.BLOCK:
                keywords.refuse(key, place.document.where(said, key), keywords.BLOCK, "a block", self.notes)
        if "block" not in said:
            self.notes.fault(where, "`rescue` and `always` stand beside a `block`")
        values = keywords.converted(said, keywords.BLOCK, place.document, self.notes)
        inner = replace(place, context=inherited(place.context, values))
        if place.handlers:
            return self._handler_block(said, inner)
        caught = replace(inner, rescued=place.rescued or bool(said.get("rescue")))
        parts = {
            key: self.nodes(said.get(key), caught if key == "block" else inner, said, key)
            for key in ("block", "rescue", "always")
        }
        return (Block(where, values.get("name", ""), parts["block"], parts["rescue"], parts["always"]),)

    def _handler_block(self, said: dict[Any, Any], place: Place) -> tuple[Node, ...]:
        """A block of handlers gives them its keywords; each is notified on its own."""
        if place.in_block or "rescue" in said or "always" in said:
            told = (
                "handlers in a block stand right below its `block`; it has no `rescue`, no `always` and no block in it"
            )
            self.notes.fault(place.document.where(said), told)
            return ()
        return self.nodes(said.get("block"), replace(place, in_block=True), said, "block")

    def _task(self, said: dict[Any, Any], place: Place) -> tuple[Node, ...]:
        table = keywords.HANDLER if place.handlers else keywords.TASK
        action = ActionReader(place.document, table, self.notes, _about(said, place)).read(said)
        values = keywords.converted(said, table, place.document, self.notes)
        loop = read_loop(said, place.document, self.notes)
        if action is None:
            return ()
        if action.name in _INCLUDES:
            self._refuse_on_include(action.name, said, action, place.document)
        task = self._built(said, action, values, loop, place)
        if action.name in ("import_tasks", "import_role"):
            return self._import(task, values, loop, place)
        return (task,)

    def _built(
        self, said: dict[Any, Any], action: Action, values: dict[str, Any], loop: LoopTerms | None, place: Place
    ) -> Task:
        own = {**values, **({"delegate_to": "localhost"} if action.local else {})}
        context = inherited(place.context, own)
        extra = {_FIELDS.get(key, key): own[key] for key in own if key in _OWN_FIELDS}
        task = Task(
            place.document.where(said),
            own.get("name", ""),
            action.name,
            action.args,
            place.folder,
            when=context.when,
            vars={**context.vars, **(loop.vars if loop else {})},
            loop=loop.loop if loop else None,
            tags=context.tags,
            environment=context.environment,
            role=context.role,
            params=context.params,
            lacking=action.lacking,
            **extra,
            **context.settings,
        )
        around = replace(place.context, handlers=place.handlers)
        return self._with_context(task, own, around) if action.name in _INCLUDES else task

    def _with_context(self, task: Task, own: Mapping[str, Any], around: Context) -> Task:
        """An include: its tasks inherit what stands around it, its `apply`, and its variables as parameters."""
        apply = task.args.get("apply")
        context = around
        if isinstance(apply, Mapping):
            document = Document(task.where.file, apply, {id(apply): task.where.line})
            context = inherited(around, keywords.converted(apply, keywords.BLOCK, document, self.notes, task.where))
        context = replace(context, params={**context.params, **own.get("vars", {})})
        args = {key: value for key, value in task.args.items() if key != "apply"}
        return replace(task, args=args, context=context)

    def _refuse_on_include(self, name: str, said: dict[Any, Any], action: Action, document: Document) -> None:
        for key in said:
            if key in keywords.CONDITIONAL and key not in keywords.INCLUDE:
                self.notes.fault(
                    document.where(said, key), f"`{key}` has no meaning on `{name}`; put it into its `apply`"
                )
        if name == "include_tasks" and not (action.args.get("file") or action.args.get("_raw_params")):
            self.notes.fault(document.where(said), "`include_tasks` needs the name of a file")

    # -- imports ---------------------------------------------------------------------------------------------------

    def _import(self, task: Task, values: dict[str, Any], loop: LoopTerms | None, place: Place) -> tuple[Node, ...]:
        if loop:
            other = task.action.replace("import", "include")
            self.notes.fault(task.where, f"`{task.action}` takes no loop; use `{other}`")
            return ()
        context = inherited(place.context, values)
        if task.action == "import_role":
            return self._import_role(task, context, values.get("vars", {}), place)
        name = self._static(task.args.get("file") or task.args.get("_raw_params"), task, context)
        if name is None:
            return ()
        path = self._tasks_file(name, place)
        if path is None:
            self.notes.fault(task.where, f"there is no file `{name}` to import", name, _beside(place.folder))
            return ()
        return self.file(path, task.where, replace(place, context=context))

    def file(self, path: Path, where: Location, place: Place) -> tuple[Node, ...]:
        """The tasks in a file."""
        if path in place.above or len(place.above) > _DEEPEST:
            self.notes.fault(where, f"{path} imports itself: {' > '.join(file.name for file in (*place.above, path))}")
            return ()
        document = self.notes.read(path, where)
        inner = replace(place, document=document, folder=path.parent, above=(*place.above, path), in_block=False)
        if document.value is not None and not isinstance(document.value, list):
            self.notes.fault(
                document.where(document.value), f"a file of tasks holds a list, not {kind_of(document.value)}"
            )
            return ()
        return self.nodes(document.value, inner)

    def _tasks_file(self, name: str, place: Place) -> Path | None:
        if Path(name).is_absolute():
            return Path(name) if is_file(Path(name)) else None
        kind = "handlers" if place.handlers else "tasks"
        role = place.context.role
        folders = [place.folder, *([role.path / kind, role.path] if role else []), place.context.play_folder]
        found = [folder / name for folder in folders] + candidates(folders, kind, name)
        return next((path for path in found if is_file(path)), None)

    def _static(self, name: Raw, task: Task, context: Context) -> str | None:
        """A name that must be known when reading: only variables of the play, its roles and the command line count."""
        if not isinstance(name, str) or not name.strip():
            self.notes.fault(task.where, f"`{task.action}` needs a name")
            return None
        if not is_template(name):
            return name.strip()
        role = context.role
        layers = (
            self.extra_vars,
            context.vars,
            role.vars if role else {},
            self.play_vars,
            role.defaults if role else {},
        )
        try:
            rendered = Templar(Variables(tuple((layer, False) for layer in layers)), (task.folder,)).render(name)
        except TemplateProblem as error:
            why = "names of imports are read before any host is known; use an include for names that depend on a host"
            self.notes.fault(task.where, f"{error.what} ({why})")
            return None
        return str(rendered)

    # -- roles -----------------------------------------------------------------------------------------------------

    def _import_role(self, task: Task, context: Context, own_vars: Mapping[str, Raw], place: Place) -> tuple[Node, ...]:
        name = self._static(task.args.get("name"), task, context)
        if name is None:
            return ()
        public = task.args.get("public") is not False
        return self.role(name, task.where, place, context, parts_of(task.args), own_vars, public=public)

    def role(
        self,
        name: str,
        where: Location,
        place: Place,
        context: Context,
        parts: Parts | None = None,
        entry_vars: Mapping[str, Raw] | None = None,
        params: Mapping[str, Raw] | None = None,
        public: bool = True,
    ) -> tuple[Node, ...]:
        """The tasks of a role, those of the roles that it depends on before them; its handlers go to the play."""
        part = (parts or Parts()).tasks or "main"
        path = self._role_path(name, part, where, context, place)
        if path is None:
            return ()
        files = roles.read_role_files(path, Path(name).name, parts or Parts(), where, self.notes)
        above = (*place.above, path / part)
        role = self._role_value(files, context.role, entry_vars or {}, params or {}, public)
        inner = replace(context, role=role, vars={} if entry_vars is None else context.vars)
        before, role = self._dependencies(files, role, replace(place, context=inner, above=above))
        inside = replace(place, context=replace(inner, role=role), above=above, source="imported")
        nodes = self._role_nodes(files, inside)
        self.roles[place.source].append(role)
        return (*before, *nodes)

    def _role_path(self, name: str, part: str, where: Location, context: Context, place: Place) -> Path | None:
        beside = context.role.path.parent if context.role else None
        path = roles.find_role(name, context.play_folder, beside)
        if path is None:
            searched = ", ".join(
                str(folder) for folder in roles.places(context.play_folder, beside) if is_folder(folder)
            )
            known = roles.known_roles(context.play_folder)
            self.notes.fault(where, f"there is no role `{name}` (searched in {searched})", name, known)
        elif path / part in place.above or len(place.above) > _DEEPEST:
            self.notes.fault(where, f"the role `{name}` depends on itself")
            return None
        return path

    def _role_nodes(self, files: RoleFiles, place: Place) -> tuple[Node, ...]:
        self.handlers.extend(
            node for node in self._role_part(files.handlers, replace(place, handlers=True)) if isinstance(node, Task)
        )
        return self._role_part(files.tasks, replace(place, handlers=False))

    def _role_part(self, document: Document | None, place: Place) -> tuple[Node, ...]:
        if document is None:
            return ()
        folder = Path(document.file).parent
        return self.nodes(document.value, replace(place, document=document, folder=folder))

    def _role_value(
        self,
        files: RoleFiles,
        parent: Role | None,
        entry_vars: Mapping[str, Raw],
        params: Mapping[str, Raw],
        public: bool,
    ) -> Role:
        """The role with the variables of the role around it below its own."""
        return Role(
            files.name,
            files.path,
            defaults={**(parent.defaults if parent else {}), **files.defaults},
            vars={**(parent.vars if parent else {}), **files.vars, **entry_vars},
            params={**(parent.params if parent else {}), **params},
            above=(parent.path, *parent.above) if parent else (),
            exports=files.vars,
            public=public,
        )

    def _dependencies(self, files: RoleFiles, role: Role, place: Place) -> tuple[tuple[Node, ...], Role]:
        """The tasks of the roles in meta, and the role with their variables below its own."""
        if files.dependencies is None:
            return (), role
        first = len(self.roles["dependency"])
        document = files.dependencies
        inner = replace(place, document=document, handlers=False, source="dependency")
        nodes = self.role_list(document.value["dependencies"], document.value, "dependencies", inner)
        depended = [one for one in self.roles["dependency"][first:] if one.above[:1] == (role.path,)]
        exported = {name: value for one in depended for name, value in one.exports.items()}
        defaults = {name: value for one in depended for name, value in one.defaults.items()}
        with_them = replace(
            role,
            defaults={**defaults, **role.defaults},
            vars={**exported, **role.vars},
            exports={**exported, **role.exports},
        )
        return nodes, with_them

    def role_list(self, value: Any, container: Mapping[Any, Any], key: str, place: Place) -> tuple[Node, ...]:
        """The tasks of `roles:` or of a role's dependencies, each role once for equal entries."""
        if value is None:
            return ()
        if not isinstance(value, list):
            self.notes.fault(place.document.where(container, key), f"`{key}` is a list of roles, not {kind_of(value)}")
            return ()
        return tuple(
            node for number, entry in enumerate(value) for node in self._role_entry(entry, value, number, place)
        )

    def _role_entry(self, entry: Any, container: list[Any], number: int, place: Place) -> tuple[Node, ...]:
        document = place.document
        said = entry if isinstance(entry, dict) else {"role": entry}
        where = document.where(entry) if isinstance(entry, dict) else document.where(container, number)
        for key in said:
            if key in keywords.LATER:
                keywords.refuse(key, document.where(said, key), {}, "a role", self.notes)
        values = keywords.converted(said, keywords.ROLE, document, self.notes)
        name = next((str(values[word]) for word in _ROLE_WORDS if values.get(word)), "")
        if not name or not isinstance(entry, (dict, str, int)):
            self.notes.fault(where, "an entry of roles names a role: its name, or a mapping with `role`")
            return ()
        entry_vars = values.pop("vars", {})
        params = {str(key): value for key, value in said.items() if key not in keywords.ROLE}
        context = inherited(place.context, {key: value for key, value in values.items() if key not in _ROLE_WORDS})
        named = self._static(name, _stand_in(where, place.folder), context)
        said_of_it = (values.get("when"), values.get("tags"), params, entry_vars)
        if named is None or self._is_done(named, said_of_it, context, place):
            return ()
        return self.role(named, where, place, context, None, entry_vars, params)

    def _is_done(self, name: str, said: tuple[Any, ...], context: Context, place: Place) -> bool:
        """Whether an equal entry ran before, on every host and for every choice of tags for which this one would."""
        path = roles.find_role(name, context.play_folder, context.role.path.parent if context.role else None)
        if path is None or path / "main" in place.above or _allows_duplicates(path, self.notes):
            return False
        for known, around in self._done:
            same_hosts = set(map(repr, around.when)) <= set(map(repr, context.when))
            if known == (path, *said) and same_hosts and context.tags <= around.tags:
                return True
        self._done.append(((path, *said), context))
        return False


_OWN_FIELDS = frozenset(keywords.OWN)


def parts_of(args: Mapping[str, Any]) -> Parts:
    """Which files of a role an include_role or import_role means."""
    return Parts(*(str(args.get(f"{kind}_from") or "") for kind in ("tasks", "handlers", "vars", "defaults")))


def _about(said: Mapping[Any, Any], place: Place) -> About:
    """What a task's surroundings say about its module: where modules of its own may lie, and whether it may fail."""
    may_fail = place.rescued or place.context.settings.get("ignore_errors")
    role = place.context.role
    origins = (place.context.play_folder, *((role.path, *role.above) if role else ()))
    return About(
        tuple(origin / "library" for origin in origins),
        bool(may_fail or "failed_when" in said or said.get("ignore_errors") or said.get("ignore_unreachable")),
    )


def _stand_in(where: Location, folder: Path) -> Task:
    return Task(where, "", "roles", {}, folder)


def _beside(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()] if is_folder(folder) else []


def _allows_duplicates(path: Path, notes: Notebook) -> bool:
    files = roles.read_role_files(path, path.name, Parts(), Location(str(path), 1), notes)
    return files.allow_duplicates
