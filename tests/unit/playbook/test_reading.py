"""Playbooks become values: every keyword where it belongs, everything inherited, files and roles in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from provision.playbook import read_playbook, read_role_tasks, read_tasks
from provision.playbook.loops import loop_variables
from provision.playbook.values import Block, Loop, Node, Play, Task

Write = Callable[[str, str], Path]


@pytest.fixture
def read(write: Write) -> Callable[..., Play]:
    """Reads one play out of its keywords and a list of tasks."""

    def read(tasks: str = "", play: str = "", **sections: str) -> Play:
        lines = ["- hosts: all", *(f"  {line}" for line in play.splitlines())]
        for name, text in {"tasks": tasks, **sections}.items():
            lines += [f"  {name}:", *(f"    {line}" for line in text.splitlines())] if text else []
        plays = read_playbook(write("site.yml", "\n".join(lines) + "\n"))
        assert len(plays) == 1
        return plays[0]

    return read


def tasks_of(nodes: Iterable[Node]) -> list[Task]:
    found: list[Task] = []
    for node in nodes:
        if isinstance(node, Block):
            found += tasks_of((*node.block, *node.rescue, *node.always))
        else:
            found.append(node)
    return found


def only(play: Play) -> Task:
    (task,) = tasks_of(play.tasks)
    return task


def test_a_play_has_its_keywords(write: Write) -> None:
    (play,) = read_playbook(
        write(
            "site.yml",
            "- name: Servers\n  hosts: [web, db]\n  become: yes\n  become_user: app\n  gather_facts: no\n"
            "  vars: {x: 1}\n  force_handlers: true\n  tasks: []\n",
        )
    )
    assert (play.name, play.hosts, play.become, play.become_user) == ("Servers", ["web", "db"], True, "app")
    assert (play.gather_facts, play.vars, play.force_handlers) == (False, {"x": 1}, True)
    assert (play.where.line, play.tasks) == (1, ())


def test_a_play_without_a_name_is_called_by_its_hosts(read: Callable[..., Play]) -> None:
    assert read().name == "all"


def test_connection_keywords_are_the_weakest_variables(read: Callable[..., Play]) -> None:
    play = read(play="connection: local\nremote_user: me\nport: 2222")
    assert read(play="user: me").connection == {"ansible_user": "me"}
    assert play.connection == {"ansible_connection": "local", "ansible_user": "me", "ansible_port": 2222}


def test_a_task_knows_where_it_was_written(read: Callable[..., Play], tmp_path: Path) -> None:
    task = only(read("\n\n- name: Say it\n  debug: {msg: hi}"))
    assert str(task.where) == f"{tmp_path}/site.yml:5"
    assert (task.name, task.action, task.args, task.folder) == ("Say it", "debug", {"msg": "hi"}, tmp_path)


@pytest.mark.parametrize(
    ("text", "action", "args"),
    [
        ("copy: {src: a, dest: /b}", "copy", {"src": "a", "dest": "/b"}),
        ("copy: src=a dest=/b", "copy", {"src": "a", "dest": "/b"}),
        ("copy: src=\"a b\" dest='/c d'", "copy", {"src": "a b", "dest": "/c d"}),
        ("copy: src={{ x y }} dest=/b{{ z }}", "copy", {"src": "{{ x y }}", "dest": "/b{{ z }}"}),
        ("action: copy src=a dest=/b", "copy", {"src": "a", "dest": "/b"}),
        ("action: {module: copy, src: a, dest: /b}", "copy", {"src": "a", "dest": "/b"}),
        ("action: {module: copy src=a, args: {dest: /b}}", "copy", {"src": "a", "dest": "/b"}),
        ("ansible.builtin.copy: {src: a, dest: /b}", "copy", {"src": "a", "dest": "/b"}),
        ("ansible.legacy.command: echo hi", "command", {"_raw_params": "echo hi"}),
        ("command: echo a=b creates=/x", "command", {"_raw_params": "echo a=b", "creates": "/x"}),
        ("command: echo 'a  b'\n  args: {chdir: /tmp}", "command", {"_raw_params": "echo 'a  b'", "chdir": "/tmp"}),
        ("shell: |\n    one\n    two | three", "shell", {"_raw_params": "one\ntwo | three\n"}),
        ("command: {argv: [a, b]}", "command", {"argv": ["a", "b"]}),
        ("systemd_service: {name: x, state: started}", "systemd", {"name": "x", "state": "started"}),
        ("file: {dest: /x, state: touch}", "file", {"path": "/x", "state": "touch"}),
        ("set_fact: a=1 b='x y'", "set_fact", {"a": "1", "b": "x y"}),
        ("set_fact: {a: [1], b: {c: 1}}", "set_fact", {"a": [1], "b": {"c": 1}}),
        ("meta: flush_handlers", "meta", {"_raw_params": "flush_handlers"}),
        ("debug: var=x.y", "debug", {"var": "x.y"}),
        ("debug:", "debug", {}),
        ("apt: {pkg: [a, b]}", "apt", {"name": ["a", "b"]}),
    ],
)
def test_a_module_in_every_form(text: str, action: str, args: Any, read: Callable[..., Play]) -> None:
    task = only(read(f"- {text}"))
    assert (task.action, dict(task.args)) == (action, args)


def test_local_action_is_delegated_to_localhost(read: Callable[..., Play]) -> None:
    task = only(read("- local_action: command echo hi"))
    assert (task.action, task.args, task.delegate_to) == ("command", {"_raw_params": "echo hi"}, "localhost")


def test_every_keyword_of_a_task(read: Callable[..., Play]) -> None:
    task = only(
        read(
            "- command: x\n  when: [a, b]\n  register: r\n  notify: [h1, h2]\n  tags: one,two\n  changed_when: false\n"
            "  failed_when: [r.rc != 0, r.rc != 2]\n  ignore_errors: yes\n  until: r is success\n  retries: 4\n"
            "  delay: '1.5'\n  environment: {A: b}\n  no_log: true\n  become: true\n  become_user: u\n  vars: {v: 1}\n"
            "  check_mode: no\n  diff: false\n  delegate_to: other\n  run_once: true\n  async: 60\n  poll: 0"
        )
    )
    assert (task.when, task.register, task.notify, task.tags) == (("a", "b"), "r", ("h1", "h2"), {"one", "two"})
    assert (task.changed_when, task.failed_when) == ((False,), ("r.rc != 0", "r.rc != 2"))
    assert (task.until, task.retries, task.delay) == (("r is success",), 4, 1.5)
    assert (task.ignore_errors, task.no_log, task.run_once) == (True, True, True)
    assert (task.become, task.become_user, task.check_mode, task.diff) == (True, "u", False, False)
    assert (task.environment, task.vars, task.delegate_to) == (({"A": "b"},), {"v": 1}, "other")
    assert (task.async_s, task.poll_s) == (60, 0)


def test_what_was_not_said_is_as_in_ansible(read: Callable[..., Play]) -> None:
    task = only(read("- ping:"))
    assert (task.changed_when, task.failed_when, task.until, task.become, task.check_mode) == (None,) * 5
    assert (task.retries or 3, task.delay, task.poll_s, task.async_s) == (3, 5, 15, 0)


def test_a_loop_and_its_control(read: Callable[..., Play]) -> None:
    loop = only(
        read("- ping:\n  loop: [1, 2]\n  loop_control: {loop_var: x, index_var: i, label: '{{ x }}', pause: 2}")
    ).loop
    assert loop is not None
    assert (loop.items, loop.variable, loop.index_variable, loop.label, loop.pause) == ([1, 2], "x", "i", "{{ x }}", 2)
    assert not loop.flatten


def test_with_items_is_a_loop_over_flat_lists(read: Callable[..., Play]) -> None:
    loop = only(read("- ping:\n  with_items: ['{{ a }}', b]")).loop
    assert loop is not None
    assert (loop.items, loop.flatten) == (["{{ a }}", "b"], True)


def test_other_with_loops_ask_their_lookup(read: Callable[..., Play]) -> None:
    from provision.playbook.templating import Templar

    def elements(text: str) -> Any:
        task = only(read(f"- ping:\n  {text}"))
        assert task.loop is not None
        return Templar({**task.vars, "d": {"k": 1}, "l": [1, 2]}).render(task.loop.items)

    assert elements("with_dict: '{{ d }}'") == [{"key": "k", "value": 1}]
    assert elements("with_dict: {a: 1}") == [{"key": "a", "value": 1}]
    assert elements("with_nested: [['x'], '{{ l }}']") == [["x", 1], ["x", 2]]
    assert elements("with_sequence: start=1 end=2") == ["1", "2"]
    assert elements("with_together: ['{{ l }}', [a, b]]") == [[1, "a"], [2, "b"]]
    assert elements("with_indexed_items: ['{{ l }}']") == [(0, 1), (1, 2)]


def test_an_extended_loop_says_so(read: Callable[..., Play]) -> None:
    loop = only(read("- ping:\n  loop: []\n  loop_control: {extended: yes, extended_allitems: no}")).loop
    assert loop is not None
    assert (loop.extended, loop.extended_allitems) == (True, False)


def test_what_a_task_sees_of_its_loop() -> None:
    loop = Loop([], "x", "i")
    assert loop_variables(loop, ["a", "b"], 1) == {
        "x": "b",
        "ansible_loop_var": "x",
        "i": 1,
        "ansible_index_var": "i",
    }
    middle = loop_variables(Loop([]), ["a", "b", "c"], 1, extended=True)["ansible_loop"]
    assert middle == {
        "index": 2, "index0": 1, "revindex": 2, "revindex0": 1, "length": 3, "first": False, "last": False,
        "allitems": ["a", "b", "c"], "previtem": "a", "nextitem": "c",
    }  # fmt: skip
    only_one = loop_variables(Loop([], extended_allitems=False), ["a"], 0, extended=True)["ansible_loop"]
    assert only_one["first"] is only_one["last"] is True
    assert not {"previtem", "nextitem", "allitems"} & set(only_one)


@pytest.mark.parametrize(
    "task",
    [
        "copy: {}\n  ignore_errors: yes",
        "copy: {}\n  failed_when: false",
        "block:\n    - copy: {}\n  rescue: [ping: ]",
        "block:\n    - block:\n        - copy: {}\n  rescue: [ping: ]",
        "block:\n    - copy: {}\n  ignore_errors: '{{ x }}'",
    ],
)
def test_where_a_failure_is_caught_bad_arguments_fail_on_the_host(task: str, read: Callable[..., Play]) -> None:
    play = read(f"- {task}")
    assert tasks_of(play.tasks)[0].action == "copy"
    assert "`copy` needs the argument `dest`; the task fails where it runs" in play.warnings[0]


def test_modules_that_come_with_a_playbook_or_role_are_warned_about(read: Callable[..., Play], write: Write) -> None:
    write("library/of_the_playbook.py", "")
    write("roles/app/library/of_the_role", "")
    write("roles/app/tasks/main.yml", "- of_the_role: {x: 1}\n- of_the_playbook:\n")
    play = read("- of_the_playbook: {a: 1}", roles="- app")
    assert [(task.action, task.lacking) for task in tasks_of(play.tasks)] == [
        ("of_the_role", True),
        ("of_the_playbook", True),
        ("of_the_playbook", True),
    ]


def test_unsafe_text_is_kept_apart_from_templates(read: Callable[..., Play]) -> None:
    from provision.playbook.templating import Templar

    task = only(read("- debug:\n    msg: [!unsafe '{{ a }}', !unsafe {k: ['{{ b }}']}, '{{ 1 + 1 }}']"))
    assert Templar({}).arguments(task.args) == {"msg": ["{{ a }}", {"k": ["{{ b }}"]}, "2"]}


# -- inheritance -------------------------------------------------------------------------------------------------------


def test_a_block_passes_its_keywords_on(read: Callable[..., Play]) -> None:
    play = read(
        "- name: Outer\n  when: a\n  tags: t1\n  vars: {x: 1, y: 1}\n  become: true\n"
        "  environment: {E: 1}\n  notify: h\n"
        "  block:\n    - ping:\n      when: b\n      tags: [t2]\n      vars: {y: 2}\n      environment: {F: 2}\n"
        "      become: false\n"
        "  rescue:\n    - debug:\n  always:\n    - fail:"
    )
    (block,) = play.tasks
    assert isinstance(block, Block)
    assert (block.name, len(block.block), len(block.rescue), len(block.always)) == ("Outer", 1, 1, 1)
    inner, rescue, always = tasks_of(play.tasks)
    assert (inner.when, inner.tags, inner.vars) == (("a", "b"), {"t1", "t2"}, {"x": 1, "y": 2})
    assert (inner.become, inner.environment, inner.notify) == (False, ({"E": 1}, {"F": 2}), ("h",))
    assert (rescue.when, rescue.become, always.tags) == (("a",), True, {"t1"})


def test_a_play_passes_its_keywords_on_but_not_its_variables(read: Callable[..., Play]) -> None:
    task = only(read("- ping:", play="tags: p\nbecome: yes\nno_log: yes\nenvironment: {A: 1}\nvars: {x: 1}"))
    assert (task.tags, task.become, task.no_log, task.environment, task.vars) == ({"p"}, True, True, ({"A": 1},), {})


def test_imported_tasks_stand_in_place_and_inherit(read: Callable[..., Play], write: Write, tmp_path: Path) -> None:
    write("more/tasks.yml", "- ping:\n  when: inner\n- import_tasks: deeper.yml\n")
    write("more/deeper.yml", "- debug: {msg: '{{ v }}'}\n")
    play = read("- import_tasks: more/tasks.yml\n  when: outer\n  tags: t\n  vars: {v: 1}\n- fail:")
    first, second, third = tasks_of(play.tasks)
    assert [task.action for task in (first, second, third)] == ["ping", "debug", "fail"]
    assert (first.when, first.tags, first.folder) == (("outer", "inner"), {"t"}, tmp_path / "more")
    assert (second.vars, second.when) == ({"v": 1}, ("outer",))
    assert third.when == ()


def test_names_of_imports_may_use_variables_of_the_play_and_the_command_line(write: Write) -> None:
    write("a-b.yml", "- ping:\n")
    site = write("site.yml", "- hosts: all\n  vars: {x: a}\n  tasks:\n    - import_tasks: '{{ x }}-{{ y }}.yml'\n")
    (play,) = read_playbook(site, {"y": "b"})
    assert only(play).action == "ping"


def test_included_tasks_are_read_when_they_are_reached(read: Callable[..., Play], write: Write, tmp_path: Path) -> None:
    write("more.yml", "- ping:\n  tags: own\n- block:\n    - debug: {msg: '{{ v }} {{ item }}'}\n")
    play = read(
        "- block:\n    - include_tasks: {file: more.yml, apply: {tags: [applied], become: true}}\n      tags: mine\n"
        "      when: w\n      vars: {v: 1}\n  tags: around\n  when: b"
    )
    include = only(play)
    assert (include.action, include.args, include.tags, include.when) == (
        "include_tasks",
        {"file": "more.yml"},
        {"mine", "around"},
        ("b", "w"),
    )
    first, second = tasks_of(read_tasks(tmp_path / "more.yml", include))
    assert (first.when, first.tags, first.become) == (("b",), {"around", "applied", "own"}, True)
    assert (second.params, second.vars) == ({"v": 1}, {})


def test_what_a_run_adds_to_an_include_is_final(read: Callable[..., Play], write: Write, tmp_path: Path) -> None:
    from dataclasses import replace

    from provision.playbook.templating import Templar

    write("more.yml", "- debug: {msg: '{{ item }}'}\n")
    include = only(read("- include_tasks: more.yml\n  vars: {v: '{{ 1 + 1 }}'}\n  loop: ['x']"))
    (task,) = tasks_of(read_tasks(tmp_path / "more.yml", replace(include, vars={**include.vars, "item": "{{ evil }}"})))
    assert Templar(task.params).render(task.args["msg"]) == "{{ evil }}"
    assert Templar(task.params).render("{{ v }}") == "2"


def test_handlers_listen_and_may_be_imported(read: Callable[..., Play], write: Write, tmp_path: Path) -> None:
    write("handlers.yml", "- name: imported\n  ping:\n")
    play = read(
        "- ping:\n  notify: h",
        handlers="- name: h\n  listen: [topic, other]\n  debug:\n- import_tasks: handlers.yml\n"
        "- include_tasks: handlers.yml",
    )
    assert [(handler.name, handler.listen) for handler in play.handlers[:2]] == [
        ("h", ("topic", "other")),
        ("imported", ()),
    ]
    assert play.handlers[2].action == "include_tasks"
    write("handlers.yml", "- ping:\n  listen: topic\n- block:\n    - debug:\n")
    included = read_tasks(tmp_path / "handlers.yml", play.handlers[2])
    assert [getattr(node, "listen", None) for node in included] == [("topic",), ()]


def test_sections_run_in_order_and_handlers_at_the_end_of_each(read: Callable[..., Play]) -> None:
    play = read("- ping:", pre_tasks="- debug:", post_tasks="- fail:")
    assert [task.action for task in tasks_of(play.tasks)] == ["debug", "meta", "ping", "meta", "fail"]
    assert play.tasks[1].tags == {"always"}  # type: ignore[union-attr]


def test_imported_playbooks_stand_in_place(write: Write, tmp_path: Path) -> None:
    write("sub/other.yml", "- hosts: web\n  vars: {x: 1, y: 1}\n  tasks:\n    - ping:\n      tags: own\n")
    site = write(
        "site.yml",
        "- hosts: all\n  tasks: []\n- import_playbook: sub/other.yml\n  vars: {y: 2}\n  tags: t\n  when: w\n"
        "- ansible.builtin.import_playbook: 'sub/{{ n }}.yml'\n  vars: {n: other}\n",
    )
    first, second, third = read_playbook(site)
    assert (first.hosts, second.hosts, third.hosts) == ("all", "web", "web")
    assert (second.vars, second.folder) == ({"x": 1, "y": 2}, tmp_path / "sub")
    assert (only(second).tags, only(second).when) == ({"t", "own"}, ("w",))


def test_a_module_that_only_ansible_has_is_warned_about_and_kept(read: Callable[..., Play]) -> None:
    play = read("- ping:\n- dnf: {name: x}\n  when: ansible_os_family == 'RedHat'\n- acme.tools.thing: {a: 1}")
    _, dnf, thing = tasks_of(play.tasks)
    assert (dnf.action, dnf.lacking, thing.action, thing.lacking) == ("dnf", True, "acme.tools.thing", True)
    assert len(play.warnings) == 2
    assert "site.yml:4: the module `dnf` is known to Ansible, not to provision" in play.warnings[0]


def test_the_shipped_playbooks_are_read_without_a_warning() -> None:
    from provision import shipped

    playbooks = sorted(shipped.folder("playbooks").glob("*.yml"))
    assert playbooks
    for path in playbooks:
        assert [warning for play in read_playbook(path) for warning in play.warnings] == []


# -- roles -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def role(write: Write) -> Callable[..., None]:
    """Writes a role: keyword is the folder, value the text of its main.yml."""

    def role(name: str, **files: str) -> None:
        for folder, text in files.items():
            write(f"roles/{name}/{folder}/main.yml", text)

    return role


def test_a_role_brings_tasks_handlers_and_variables(
    read: Callable[..., Play], role: Callable[..., None], tmp_path: Path
) -> None:
    role(
        "app",
        tasks="- ping:\n  notify: restart\n",
        handlers="- name: restart\n  debug:\n",
        defaults="d: 1\nboth: default\n",
        vars="v: 1\nboth: var\n",
    )
    play = read("- fail:", roles="- app")
    first, last = tasks_of(play.tasks)
    assert (first.action, last.action) == ("ping", "fail")
    assert first.role is not None
    assert (first.role.name, first.role.path) == ("app", tmp_path / "roles/app")
    assert (first.role.defaults, first.role.vars) == ({"d": 1, "both": "default"}, {"v": 1, "both": "var"})
    assert (first.title, last.role) == ("app : ping", None)
    assert [handler.name for handler in play.handlers] == ["restart"]
    assert play.handlers[0].role == first.role
    assert [one.name for one in play.roles] == ["app"]


def test_an_entry_of_roles_has_keywords_variables_and_parameters(
    read: Callable[..., Play], role: Callable[..., None]
) -> None:
    role("app", tasks="- ping:\n  when: own\n")
    play = read(
        roles="- {role: app, when: cond, tags: [t], become: yes, vars: {v: 1}, size: 80}\n- name: app\n  size: 3"
    )
    first, second = tasks_of(play.tasks)
    assert (first.when, first.tags, first.become) == (("cond", "own"), {"t"}, True)
    assert first.role is not None
    assert (first.role.vars, first.role.params) == ({"v": 1}, {"size": 80})
    assert second.role is not None
    assert second.role.params == {"size": 3}


def test_equal_entries_run_once_and_different_ones_each(read: Callable[..., Play], role: Callable[..., None]) -> None:
    role("app", tasks="- ping:\n")
    assert len(tasks_of(read(roles="- app\n- app").tasks)) == 1
    assert len(tasks_of(read(roles="- app\n- {role: app, x: 1}\n- {role: app, x: 1}").tasks)) == 2
    role("app", tasks="- ping:\n", meta="allow_duplicates: true\n")
    assert len(tasks_of(read(roles="- app\n- app").tasks)) == 2


def test_dependencies_run_first_and_their_variables_are_seen(
    read: Callable[..., Play], role: Callable[..., None], tmp_path: Path
) -> None:
    role("base", tasks="- debug:\n", defaults="d: base\n", vars="b: 1\nv: base\n", handlers="- name: hb\n  ping:\n")
    role(
        "app",
        tasks="- ping:\n",
        defaults="a: 1\n",
        vars="v: app\n",
        meta="dependencies:\n  - role: base\n    x: 5\n    tags: dep\n",
    )
    play = read(roles="- {role: app, tags: [t], when: w}")
    dependency, own = tasks_of(play.tasks)
    assert (dependency.action, own.action) == ("debug", "ping")
    assert (dependency.tags, dependency.when, own.tags) == ({"t", "dep"}, ("w",), {"t"})
    assert dependency.role is not None
    assert own.role is not None
    assert (dependency.role.params, dependency.role.above) == ({"x": 5}, (tmp_path / "roles/app",))
    assert own.role.vars == {"b": 1, "v": "app"}
    assert own.role.defaults == {"d": "base", "a": 1}
    assert [(one.name, one.exports) for one in play.roles] == [("app", {"b": 1, "v": "app"})]


def test_a_dependency_of_two_roles_runs_once(read: Callable[..., Play], role: Callable[..., None]) -> None:
    role("base", tasks="- debug:\n")
    role("one", tasks="- ping:\n", meta="dependencies: [base]\n")
    role("two", tasks="- fail:\n", meta="dependencies: [base]\n")
    assert [task.action for task in tasks_of(read(roles="- one\n- two").tasks)] == ["debug", "ping", "fail"]


def test_a_dependency_runs_again_where_the_first_may_have_been_skipped(
    read: Callable[..., Play], role: Callable[..., None]
) -> None:
    role("base", tasks="- debug:\n")
    role("one", meta="dependencies: [base]\n")
    role("two", meta="dependencies: [base]\n")
    tasks = tasks_of(read(roles="- {role: one, when: rare}\n- two").tasks)
    assert [task.when for task in tasks] == [("rare",), ()]


def test_import_role_takes_other_files(read: Callable[..., Play], role: Callable[..., None], write: Write) -> None:
    role("app", tasks="- fail:\n", defaults="d: main\n", handlers="- name: h\n  ping:\n")
    write("roles/app/tasks/other.yml", "- ping:\n- import_tasks: beside.yml\n")
    write("roles/app/tasks/beside.yml", "- debug:\n")
    write("roles/app/defaults/more.yml", "d: more\n")
    play = read(
        "- import_role: {name: app, tasks_from: other.yml, defaults_from: more}\n  vars: {v: 1}\n  tags: t\n  when: w"
    )
    first, second = tasks_of(play.tasks)
    assert (first.action, second.action, first.tags, second.when) == ("ping", "debug", {"t"}, ("w",))
    assert first.role is not None
    assert (first.role.defaults, first.role.vars) == ({"d": "more"}, {"v": 1})
    assert [handler.name for handler in play.handlers] == ["h"]


def test_a_role_may_import_another_file_of_itself(
    read: Callable[..., Play], role: Callable[..., None], write: Write
) -> None:
    role("app", tasks="- import_role: {name: app, tasks_from: other}\n")
    write("roles/app/tasks/other.yml", "- ping:\n")
    assert only(read(roles="- app")).action == "ping"


def test_include_role_is_read_when_it_is_reached(read: Callable[..., Play], role: Callable[..., None]) -> None:
    role("app", tasks="- ping:\n", handlers="- name: h\n  debug:\n", vars="v: 1\n")
    include = only(read("- include_role: {name: app, apply: {tags: a}}\n  vars: {p: 1}\n  tags: mine"))
    assert (include.action, include.args) == ("include_role", {"name": "app"})
    nodes, handlers = read_role_tasks("app", "main", include)
    (task,) = tasks_of(nodes)
    assert (task.tags, task.params) == ({"a"}, {"p": 1})
    assert task.role is not None
    assert (task.role.vars, task.role.public) == ({"v": 1, "p": 1}, False)
    assert [handler.name for handler in handlers] == ["h"]


def test_roles_are_searched_beside_the_playbook_in_the_roles_path_and_among_ours(
    read: Callable[..., Play], write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("elsewhere/far/tasks/main.yml", "- ping:\n")
    write("near/tasks/main.yml", "- debug:\n")
    monkeypatch.setenv("ANSIBLE_ROLES_PATH", str(tmp_path / "elsewhere"))
    assert [task.action for task in tasks_of(read(roles="- far\n- near").tasks)] == ["ping", "debug"]
    assert read(roles="- base").roles[0].name == "base"


def test_variables_of_a_role_may_be_a_folder(
    read: Callable[..., Play], role: Callable[..., None], write: Write
) -> None:
    role("app", tasks="- ping:\n")
    write("roles/app/vars/main/a.yml", "a: 1\nb: 1\n")
    write("roles/app/vars/main/b.yaml", "b: 2\n")
    task = only(read(roles="- app"))
    assert task.role is not None
    assert task.role.vars == {"a": 1, "b": 2}
