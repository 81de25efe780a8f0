"""The tasks of a playbook are those that ansible-core reads: order, action, arguments, and every inherited keyword."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from provision.playbook import read_playbook
from provision.playbook.actions import short_name
from provision.playbook.values import Block, Node, Task

Write = Callable[[str, str], Path]

FILES = {
    "tasks/one.yml": "- ping:\n  tags: one\n- import_tasks: two.yml\n  when: two\n",
    "tasks/two.yml": "- debug: msg=two\n  vars: {v: two}\n",
    "tasks/three.yml": "- block:\n    - ping:\n  rescue:\n    - debug:\n  vars: {in_block: 1}\n  become: false\n",
    "handlers.yml": "- name: from a file\n  ping:\n  listen: topic\n- block:\n    - name: in a block\n      ping:\n",
    "other.yml": "- hosts: db\n  become: true\n  tags: other\n  tasks:\n    - ping:\n      tags: [a]\n",
    "roles/plain/tasks/main.yml": "- ping:\n- name: second\n  debug: {msg: x}\n  when: own\n  tags: own\n",
    "roles/plain/handlers/main.yml": "- name: restart\n  service: {name: x, state: restarted}\n",
    "roles/deep/meta/main.yml": "dependencies:\n  - {role: plain, tags: dep, when: dep}\n  - {role: last, x: 1}\n",
    "roles/deep/tasks/main.yml": "- import_tasks: part.yml\n- include_tasks: part.yml\n- fail:\n",
    "roles/deep/tasks/part.yml": "- command: part\n",
    "roles/deep/tasks/extra.yml": "- command: extra\n- import_role: {name: last}\n",
    "roles/last/tasks/main.yml": "- block:\n    - shell: |\n        one\n        two\n"
    "  become: yes\n  become_user: me\n",
}

PLAYBOOKS = {
    "keywords": """
- hosts: all
  become: true
  become_user: play
  tags: [play]
  environment: {A: play}
  no_log: false
  ignore_errors: false
  check_mode: true
  diff: false
  run_once: true
  vars: {p: 1}
  tasks:
    - name: everything
      command: run me creates=/x
      args: {chdir: /tmp}
      when: [a, b]
      register: r
      notify: [h, i]
      tags: x,y
      changed_when: false
      failed_when: r.rc > 1
      ignore_errors: yes
      until: r is success
      retries: 7
      delay: 2
      environment: {B: task}
      no_log: yes
      become: no
      become_user: task
      vars: {t: 1}
      check_mode: no
      diff: yes
      delegate_to: other
      run_once: no
      async: 30
      poll: 5
    - ping:
""",
    "blocks": """
- hosts: all
  tasks:
    - name: outer
      when: outer
      tags: outer
      vars: {v: outer, o: 1}
      environment: {E: outer}
      become: true
      delegate_to: outer
      notify: outer
      no_log: true
      block:
        - ping:
        - block:
            - debug: {msg: x}
              when: task
              vars: {v: task}
              environment: {E: task}
              tags: [task]
              notify: own
              delegate_to: own
          when: [inner, more]
          vars: {v: inner, i: 1}
          become: false
          ignore_errors: true
          rescue:
            - fail: {msg: rescue}
          always:
            - assert: {that: always}
      rescue:
        - ping: {data: rescue}
      always:
        - ping: {data: always}
""",
    "forms": """
- hosts: all
  tasks:
    - copy: src=a dest=/b mode=0644
    - copy: {src: a, dest: /b}
    - action: copy src=a dest=/b
    - action:
        module: copy
        src: a
        dest: /b
    - local_action: command echo hi
    - local_action: {module: command, _raw_params: echo hi}
    - ansible.builtin.command: echo "a b" 'c d' creates=/x
    - ansible.legacy.shell: echo $X > /y chdir=/tmp
    - command: >
        folded
        text
    - shell: |
        line one
        line two
    - command:
        cmd: x
        creates: /y
    - command: {argv: [a, b c]}
    - set_fact: a=1 b="two words"
    - set_fact: {a: 1, b: [x]}
    - debug: var=x.y
    - debug:
    - meta: flush_handlers
    - meta: clear_facts
    - include_vars: x.yml
    - include_tasks: x.yml
    - include_role: {name: nobody}
    - apt: name=a,b state=present update_cache=yes
""",
    "loops": """
- hosts: all
  tasks:
    - ping:
      loop: [1, 2]
    - ping:
      loop: "{{ x }}"
      loop_control: {loop_var: y, index_var: i, label: "{{ y }}", pause: 3}
    - ping:
      with_items: [1, [2, 3]]
    - ping:
      with_items: "{{ x }}"
""",
    "imports": """
- hosts: all
  tasks:
    - import_tasks: tasks/one.yml
      when: site
      tags: site
      vars: {v: site}
      become: true
    - import_tasks: "{{ where }}/three.yml"
      environment: {E: site}
  vars: {where: tasks}
""",
    "roles": """
- hosts: all
  roles:
    - plain
    - {role: plain, tags: [again], when: again}
    - role: deep
      become: true
      vars: {v: deep}
      tags: deep
      when: deep
  tasks:
    - import_role: {name: deep, tasks_from: extra}
      tags: imported
      when: imported
      vars: {v: imported}
    - import_role:
        name: plain
""",
    "sections": """
- hosts: all
  pre_tasks:
    - ping: {data: pre}
  roles: [last]
  tasks:
    - ping: {data: main}
  post_tasks:
    - ping: {data: post}
""",
    "several": """
- hosts: all
  tasks: [ping: ]
- import_playbook: other.yml
- import_playbook: other.yml
  tags: imported
  when: imported
  vars: {x: 1}
- hosts: [a, b]
  gather_facts: false
  tasks: []
""",
}

INHERITED = (
    "register", "become", "become_user", "ignore_errors", "no_log", "check_mode", "diff", "delegate_to", "run_once",
)  # fmt: skip


def written(text: str, write: Write) -> Path:
    for name, content in FILES.items():
        write(name, content)
    return write("site.yml", text)


# -- ours --------------------------------------------------------------------------------------------------------------


def our_tasks(nodes: Iterable[Node]) -> list[Task]:
    found: list[Task] = []
    for node in nodes:
        if isinstance(node, Block):
            found += our_tasks((*node.block, *node.rescue, *node.always))
        elif not (node.action == "meta" and not node.name and node.tags == {"always"}):
            found.append(node)
    return found


def ours(task: Task) -> dict[str, Any]:
    loop = task.loop
    return {
        "name": task.name,
        "action": task.action,
        "args": dict(task.args),
        "when": sorted(task.when) if task.role else list(task.when),
        "tags": set(task.tags),
        "vars": {**task.vars, **(task.role.vars if task.role else {})},
        "role": task.role.name if task.role else "",
        "notify": list(task.notify),
        "environment": list(task.environment),
        "changed_when": list(task.changed_when or ()),
        "failed_when": list(task.failed_when or ()),
        "until": list(task.until or ()),
        "numbers": (task.retries or 3, task.delay, task.async_s, task.poll_s),
        "loop": (loop.items, loop.variable, loop.index_variable, loop.label, loop.pause, loop.flatten)
        if loop
        else None,
        **{word: getattr(task, word) or None for word in INHERITED},
    }


# -- theirs ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def their_plays(ansible: Any) -> Callable[[Path], list[Any]]:
    def read(path: Path) -> list[Any]:
        from ansible.inventory.manager import InventoryManager
        from ansible.parsing.dataloader import DataLoader
        from ansible.playbook import Playbook
        from ansible.vars.manager import VariableManager

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loader = DataLoader()
            loader.set_basedir(str(path.parent))
            inventory = InventoryManager(loader=loader, sources=["a,"])
            manager = VariableManager(loader=loader, inventory=inventory)
            return list(Playbook.load(str(path), variable_manager=manager, loader=loader).get_plays())

    return read


def their_tasks(block: Any) -> list[Any]:
    found: list[Any] = []
    for section in (block.block, block.rescue, block.always):
        for node in section:
            if hasattr(node, "rescue"):
                found += their_tasks(node)
            elif not node.implicit and not (node.action == "meta" and node.get_path() is None):
                found.append(node)
    return found


def theirs(task: Any) -> dict[str, Any]:
    control = task.loop_control
    args = {key: value for key, value in task.args.items() if key != "apply"}
    action = short_name(task.action) or task.action
    original = task.get_ds().get("command") or {}
    if action == "command" and "_raw_params" in args and "cmd" in original:
        args["cmd"] = args.pop("_raw_params")
    loop = (
        task.loop,
        control.loop_var,
        control.index_var or "",
        control.label,
        control.pause or 0,
        task.loop_with == "items",
    )
    role_vars = task._role.get_vars(task.get_dep_chain(), include_params=False) if task._role else {}
    return {
        "name": task.name,
        "action": action,
        "args": args,
        # Where a role is imported, ansible-core asks the role's conditions before those of the import.
        "when": sorted(task.when) if task._role else list(task.when),
        "tags": set(task.tags),
        "vars": {**task.get_vars(), **role_vars},
        "role": task._role.get_name() if task._role else "",
        "notify": as_list(task.notify),
        "environment": as_list(task.environment),
        "changed_when": as_list(task.changed_when),
        "failed_when": as_list(task.failed_when),
        "until": as_list(task.until),
        "numbers": (task.retries or 3, task.delay, task.async_val, task.poll),
        "loop": loop if task.loop is not None else None,
        **{word: getattr(task, word) or None for word in INHERITED},
    }


def as_list(value: Any) -> list[Any]:
    """One value and a list of one are the same; ansible-core tells them apart until the task runs."""
    return [] if value is None else list(value) if isinstance(value, list) else [value]


def normalised(task: Mapping[str, Any]) -> dict[str, Any]:
    """The same with YAML's text for numbers and words for truth taken as one."""
    return {key: _plain(value) for key, value in task.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(element) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    if isinstance(value, set):
        return sorted(map(str, value))
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return str(value) if isinstance(value, str) else value


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_tasks_are_the_same(name: str, write: Write, their_plays: Callable[[Path], list[Any]]) -> None:
    site = written(PLAYBOOKS[name], write)
    for our_play, their_play in zip(read_playbook(site), their_plays(site), strict=True):
        mine = [normalised(ours(task)) for task in our_tasks(our_play.tasks)]
        other = [normalised(theirs(task)) for block in their_play.compile() for task in their_tasks(block)]
        assert [task["action"] for task in mine] == [task["action"] for task in other]
        for one, two in zip(mine, other, strict=True):
            assert one == two


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_plays_are_the_same(name: str, write: Write, their_plays: Callable[[Path], list[Any]]) -> None:
    site = written(PLAYBOOKS[name], write)
    for mine, other in zip(read_playbook(site), their_plays(site), strict=True):
        hosts = mine.hosts if isinstance(mine.hosts, list) else [mine.hosts]
        assert hosts == as_list(other.hosts)
        assert mine.name == other.get_name()
        assert dict(mine.vars) == {key: value for key, value in other.vars.items() if key not in ("tags", "when")}
        assert mine.gather_facts is (other.gather_facts is not False)
        assert (mine.become or False) == (other.become or False)
        assert [role.name for role in mine.roles] == [role.get_name() for role in other.roles]


def test_handlers_are_the_same(write: Write, their_plays: Callable[[Path], list[Any]]) -> None:
    site = written(
        "- hosts: all\n  roles: [plain]\n  handlers:\n"
        "    - name: own\n      listen: [a, b]\n      ping:\n      when: w\n"
        "    - import_tasks: handlers.yml\n      tags: t\n      when: imported\n"
        "    - block:\n        - name: in a block\n          ping:\n          when: own\n      when: block\n",
        write,
    )
    (mine,) = read_playbook(site)
    (other,) = their_plays(site)
    other.compile()
    found = [node for block in (*other.compile_roles_handlers(), *other.handlers) for node in block.block]
    assert [(handler.name, list(handler.listen), list(handler.when)) for handler in mine.handlers] == [
        (handler.name, [str(topic) for topic in handler.listen], list(handler.when)) for handler in found
    ]
