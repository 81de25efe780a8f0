"""Whatever stands in a file: readers answer with values or a ProvisionError, soon, and never with a traceback."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.errors import ProvisionError
from provision.inventory import load
from provision.playbook import read_playbook
from provision.playbook.templating import Templar

Write = Callable[[str, str], Path]

PLAYBOOK = """- name: Everything
  hosts: web:!db
  become: yes
  gather_facts: false
  vars: {x: 1, y: "{{ x }}", z: [1, {a: b}]}
  vars_files: [vars.yml]
  pre_tasks:
    - debug: msg="{{ y }}"
  roles:
    - {role: app, tags: [a, b], when: x}
  tasks:
    - name: Copy {{ item }}
      copy: {src: a, dest: "/b/{{ item }}", mode: "0644"}
      loop: "{{ z }}"
      loop_control: {loop_var: item, label: l}
      register: r
      until: r is success
      retries: 3
      notify: [h]
    - block:
        - command: echo 'a b' creates=/x
          args: {chdir: /tmp}
        - import_tasks: more.yml
      rescue:
        - shell: |
            one
            two
      always:
        - include_tasks: {file: more.yml, apply: {become: true}}
      when: [a, b]
    - local_action: {module: file, path: /x, state: touch}
    - with_dict: {a: 1}
      debug: {var: item}
    - import_role: {name: app, tasks_from: main}
  handlers:
    - name: h
      listen: t
      service: name=x state=restarted
- import_playbook: other.yml
"""

INVENTORY = """all:
  vars: {a: 1, ansible_group_priority: 2}
  hosts:
    "h[01:05]:22": {x: [1, 2]}
    other:
  children:
    web: {hosts: {w: }, vars: {y: "{{ x }}"}, children: {deep: }}
"""

INI = """alone ansible_host=1.2.3.4
[web]
w[1:3]:2222 a=1 b='c d' e="[1, 2]"
[web:vars]
x={'a': 1}
[top:children]
web
"""

TEMPLATE = (
    "{% for x in xs if x.a is defined %}{{ x.a | default('b') ~ lookup('env', 'X') }}{% endfor %}{{ [1, {'a': y}] }}"
)

PIECES = [
    "{{", "}}", "{%", "%}", "{", "}", "[", "]", ":", "- ", "\n", "\t", '"', "'", "\\", "|", ">", "&a ", "*a",
    "!!str ", "!vault ", "<<: ", "? ", "# ", "---\n", "~", "null", "yes", "0x", "1e999", "é", "\x00", "\u2028",
    "when: ", "block: ", "loop: ", "hosts: ", "[1:9]", "a" * 300, "  ", ",", "=", "%", "@", "`", "=\\=",
    "import_tasks: ", "roles: [", "vars: ", "-1", "\r\n",
]  # fmt: skip


def mutated(text: str, source: random.Random) -> str:
    """The text with a few pieces cut, doubled, swapped or put in."""
    for _ in range(source.randint(1, 5)):
        start = source.randrange(len(text) + 1)
        end = min(len(text), start + source.randint(0, 12))
        kind = source.randrange(5)
        if kind == 0:
            text = text[:start] + text[end:]
        elif kind == 1:
            text = text[:end] + text[start:]
        elif kind == 2:
            text = text[:start] + source.choice(PIECES) + text[start:]
        elif kind == 3:
            text = text[:start] + source.choice(PIECES) + text[end:]
        else:
            lines = text.split("\n")
            source.shuffle(lines)
            text = "\n".join(lines) if source.random() < 0.2 else text
    return text


def noise(source: random.Random) -> str:
    return "".join(source.choice(PIECES) for _ in range(source.randint(1, 30)))


def survives(read: Callable[[], Any], text: str) -> None:
    try:
        read()
    except ProvisionError as error:
        assert error.what, text
    except RecursionError:
        pytest.fail(f"recursion: {text!r}")


@pytest.mark.parametrize("seed", range(8))
def test_playbooks(seed: int, write: Write) -> None:
    source = random.Random(seed)
    write("more.yml", "- ping:\n")
    write("vars.yml", "a: 1\n")
    write("other.yml", "- hosts: all\n")
    write("roles/app/tasks/main.yml", "- ping:\n")
    for _ in range(60):
        text = noise(source) if source.random() < 0.2 else mutated(PLAYBOOK, source)
        path = write("site.yml", text)
        survives(lambda path=path: read_playbook(path), text)  # type: ignore[misc]


@pytest.mark.parametrize("seed", range(4))
def test_files_of_roles_and_tasks(seed: int, write: Write) -> None:
    source = random.Random(1000 + seed)
    site = write("site.yml", "- hosts: all\n  roles: [app]\n  tasks:\n    - import_tasks: more.yml\n")
    parts = ["roles/app/tasks/main.yml", "roles/app/meta/main.yml", "roles/app/defaults/main.yml", "more.yml"]
    starts = ["- ping:\n  when: x\n", "dependencies: [{role: app, x: 1}]\n", "a: {b: [c]}\n", "- block: [{ping: }]\n"]
    for _ in range(40):
        for part, start in zip(parts, starts):
            write(part, mutated(start, source))
        survives(lambda: read_playbook(site), str(seed))


@pytest.mark.parametrize(
    ("name", "start"), [("hosts.yml", INVENTORY), ("hosts.ini", INI), ("hosts", INI), ("h", INVENTORY)]
)
def test_inventories(name: str, start: str, write: Write) -> None:
    source = random.Random(name)
    for _ in range(150):
        text = noise(source) if source.random() < 0.2 else mutated(start, source)
        path = write(name, text)
        survives(lambda path=path: load([str(path)]).select("all:!web:&w*"), text)  # type: ignore[misc]


@pytest.mark.parametrize("seed", range(4))
def test_templates(seed: int) -> None:
    source = random.Random(2000 + seed)
    templar = Templar({"xs": [{"a": 1}], "y": "{{ z }}", "z": 2, "omit": "o"})
    for _ in range(100):
        text = noise(source) if source.random() < 0.3 else mutated(TEMPLATE, source)
        survives(lambda text=text: templar.render(text), text)  # type: ignore[misc]
        survives(lambda text=text: templar.condition(text), text)  # type: ignore[misc]
        survives(lambda text=text: templar.render_text(text), text)  # type: ignore[misc]
        survives(lambda text=text: templar.names(text), text)  # type: ignore[misc]


@pytest.mark.parametrize(
    "pattern", ["", ":", "!", "&", "~", "[", "a[", "a[1", "[1:2]", "~[", "!!a", "a:b:c[0:]", "@x", ",,,", "\x00"]
)
def test_patterns(pattern: str) -> None:
    inventory = load(["a,b,"])
    survives(lambda: inventory.select(pattern), pattern)
    survives(lambda: inventory.select("all", pattern), pattern)
    survives(lambda: inventory.unmatched(pattern), pattern)
