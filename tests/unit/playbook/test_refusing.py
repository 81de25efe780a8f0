"""What is wrong in a playbook is told before a host is touched: file, line, nearest word, and all of it at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provision.playbook import PlaybookErrors, read_playbook

Write = Callable[[str, str], Path]


def faults(path: Path) -> list[str]:
    with pytest.raises(PlaybookErrors) as raised:
        read_playbook(path)
    assert raised.value.exit_code == 2
    return [str(fault).removeprefix(f"{path.parent}/") for fault in raised.value.faults]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("coppy: {src: a, dest: /b}", "site.yml:3: there is no module `coppy`; did you mean `copy`?"),
        ("ping:\n      whne: x", "site.yml:4: `whne` is not a keyword of a task; did you mean `when`?"),
        ("ping:\n      with_itmes: [1]", "site.yml:4: there is no loop `with_itmes`; did you mean `with_items`?"),
        ("copy: {src: a, dst: /b}", "`dst` is not an argument of `copy`; did you mean `dest`?"),
        ("copy: {src: a}", "site.yml:3: `copy` needs the argument `dest`"),
        ("file: {path: /x, state: dirctory}", "`state` is one of"),
        ("file: {path: /x, state: dirctory}", "did you mean `directory`?"),
        ("apt: {name: x, update_cache: perhaps}", "`update_cache` is yes or no, not `perhaps`"),
        ("wait_for: {port: http}", "`port` is a whole number, not `http`"),
        ("file: {path: /x, dest: /y}", "`path` and `dest` are the same argument"),
        ("ping: x", "`ping` takes arguments by name, not the text `x`"),
        ("command: echo 'open", "the arguments of `command` cannot be read: a quote or a template is not closed"),
        ("ping:\n      command: x", "site.yml:4: one task does one thing, this one has `ping` and `command`"),
        ("name: nothing", "site.yml:3: this task names no module"),
        ("ping:\n      throttle: 1", "site.yml:4: `throttle` is known to Ansible, not done by provision yet"),
        ("ping:\n      listen: x", "site.yml:4: `listen` belongs to handlers"),
        ("ping:\n      register: 1x", "`register` `1x` is not the name of a variable"),
        ("ping:\n      become: maybe", "site.yml:4: `become` is yes or no, not `maybe`"),
        ("ping:\n      retries: many", "`retries` is a number, not `many`"),
        ("ping:\n      vars: [1]", "`vars` takes a mapping of names to values"),
        ("ping:\n      vars: {a-b: 1}", "`vars` `a-b` is not the name of a variable"),
        ("ping:\n      when: {a: b}", "quote an expression that begins with `{`"),
        ("ping:\n      environment: x", "`environment` takes a mapping"),
        ("ping:\n      loop: 5", "`loop` takes a list, or a template that gives one, not a number"),
        ("ping:\n      loop:", "`loop` has nothing to go through"),
        ("ping:\n      loop: []\n      with_items: []", "a task has one loop, this one has `loop` and `with_items`"),
        (
            "ping:\n      loop: []\n      loop_control: {labl: x}",
            "`labl` is not a key of loop_control; did you mean `label`?",
        ),
        ("ping:\n      loop: []\n      loop_control: {break_when: x}", "`break_when` is known to Ansible"),
        ("ping:\n      args: '{{ x }}'", "arguments out of one variable"),
        ("copy: '{{ x }}'", "arguments out of one variable"),
        ("ping:\n      args: [x]", "`args` takes a mapping, not a list"),
        ("copy: [a]", "`copy` takes a mapping of arguments, not a list"),
        ("action: 5", "`action` takes a module and its arguments"),
        ("action: coppy src=a", "there is no module `coppy`; did you mean `copy`?"),
        ("import_tasks: nope.yml", "site.yml:3: there is no file `nope.yml` to import"),
        ("import_tasks: '{{ host_var }}.yml'", "'host_var' is undefined"),
        ("import_tasks: x.yml\n      loop: [1]", "`import_tasks` takes no loop; use `include_tasks`"),
        ("include_tasks: {file: x, aply: {}}", "`aply` is not an argument of `include_tasks`; did you mean `apply`?"),
        (
            "include_tasks: x.yml\n      become: yes",
            "`become` has no meaning on `include_tasks`; put it into its `apply`",
        ),
        ("include_tasks: {file: x, apply: {become: maybe}}", "`become` is yes or no, not `maybe`"),
        ("include_tasks:", "`include_tasks` needs the name of a file"),
        ("import_role: {name: nope}", "site.yml:3: there is no role `nope`"),
        ("import_role: {}", "`import_role` needs the argument `name`"),
        ("include_role: {name: x, task_from: y}", "did you mean `tasks_from`?"),
        ("block: []\n      loop: [1]", "`loop` is not a keyword of a block"),
        ("block: {a: b}", "site.yml:3: tasks are a list, not a mapping"),
        ("rescue: []", "`rescue` and `always` stand beside a `block`"),
        ("just text", "site.yml:3: a task is a mapping, not text"),
        ("yum_repo: {}", "there is no module `yum_repo`"),
        ("ping: !vault |\n        x", "values encrypted by ansible-vault"),
        ("ping:\n      ping:", "the key `ping` is there twice"),
        ("debug: {msg: a, var: b}", "exclude each other"),
        ("'{{ module }}': {}", "the name of a module out of a variable"),
        ("action: '{{ module }} x=1'", "the name of a module out of a variable"),
        ("import_role: {name: app, tasks_from: loop}", "the role `app` depends on itself"),
        ("include_role: {name: app}\n      ignore_unreachable: yes", "`ignore_unreachable` is known to Ansible"),
    ],
)
def test_a_bad_task_is_told(task: str, expected: str, write: Write) -> None:
    write("roles/app/tasks/loop.yml", "- import_role: {name: app, tasks_from: loop}\n")
    told = faults(write("site.yml", f"- hosts: all\n  tasks:\n    - {task}\n"))
    assert any(expected in fault for fault in told), told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- hosts: all\n  taks: []\n", "site.yml:2: `taks` is not a keyword of a play; did you mean `tasks`?"),
        ("- hosts: all\n  serial: 1\n", "site.yml:2: `serial` is known to Ansible, not done by provision yet"),
        ("- hosts: all\n  strategy: free\n", "`strategy: free` is not done by provision; there is linear"),
        ("- hosts: all\n  become_method: su\n", "`become_method: su` is not done by provision; there is sudo"),
        ("- tasks: []\n", "site.yml:1: a play needs `hosts`"),
        ("- hosts: {a: b}\n", "site.yml:1: a play needs `hosts`"),
        ("- hosts: all\n  roles: app\n", "site.yml:2: `roles` is a list of roles, not text"),
        ("- hosts: all\n  roles:\n    - nope\n", "site.yml:3: there is no role `nope`"),
        ("- hosts: all\n  roles:\n    - tags: x\n", "site.yml:3: an entry of roles names a role"),
        ("- hosts: all\n  roles:\n    - {role: base, serial: 1}\n", "`serial` is known to Ansible"),
        ("- hosts: all\n  roles: [bsae]\n", "there is no role `bsae`"),
        ("- hosts: all\n  roles: [bsae]\n", "did you mean `base`?"),
        ("- hosts: all\n  vars_files: nope.yml\n", "site.yml:2: there is no file `nope.yml`"),
        ("- hosts: all\n  vars_files:\n    - [a.yml, b.yml]\n", "site.yml:3: there is no file `a.yml` or `b.yml`"),
        ("- hosts: all\n  vars_files: [{a: b}]\n", "an entry of `vars_files` is the name of a file"),
        (
            "- hosts: all\n  handlers:\n    - block: [{block: []}]\n",
            "site.yml:3: handlers in a block stand right below",
        ),
        ("- hosts: all\n  handlers:\n    - {block: [], rescue: []}\n", "it has no `rescue`, no `always`"),
        ("hosts: all\n", "site.yml:1: a playbook is a list of plays, not a mapping"),
        ("- all\n", "site.yml:1: a play is a mapping, not text"),
        ("", "site.yml:1: this playbook is empty"),
        ("- import_playbook: nope.yml\n", "site.yml:1: cannot read"),
        ("- import_playbook: site.yml\n", "imports itself"),
        ("- import_playbook: x.yml\n  hosts: all\n", "`hosts` is not a keyword of import_playbook"),
        ("- import_playbook: '{{ x }}.yml'\n", "'x' is undefined"),
        ("- hosts: all\n  tasks: [\n", "this is not YAML"),
        ("- hosts: all\n  vars: {x: 1, x: 2}\n", "site.yml:2: the key `x` is there twice"),
        ("- hosts: all\n  vars: {{ x }}: 1\n", "this is not YAML"),
        ("- hosts: all\n  gather_facts: perhaps\n", "`gather_facts` is yes or no"),
        ("$ANSIBLE_VAULT;1.1;AES256\n6162\n", "site.yml:1: files encrypted by ansible-vault are not read by provision"),
    ],
)
def test_a_bad_play_is_told(text: str, expected: str, write: Write) -> None:
    told = faults(write("site.yml", text))
    assert any(expected in fault for fault in told), told


def test_all_faults_of_all_files_are_told_at_once(write: Write) -> None:
    write("tasks.yml", "- coppy: {}\n- ping:\n  whne: x\n")
    write("vars.yml", "- no mapping\n")
    write("roles/app/tasks/main.yml", "- file: {pth: /x}\n")
    write("roles/app/defaults/main.yml", "a: 1\na: 2\n")
    site = write(
        "site.yml",
        "- hosts: all\n  vars_files: [vars.yml]\n  roles: [app]\n  tasks:\n    - import_tasks: tasks.yml\n"
        "    - copy: {}\n  handlers:\n    - pimg:\n- hosts: all\n  taks: []\n",
    )
    told = "\n".join(faults(site))
    for place in ("vars.yml:1", "main.yml:2", "main.yml:1", "tasks.yml:1", "tasks.yml:3", "site.yml:6", "site.yml:8",
                  "site.yml:10"):  # fmt: skip
        assert place in told


def test_files_that_import_each_other_are_told(write: Write) -> None:
    write("a.yml", "- import_tasks: b.yml\n")
    write("b.yml", "- import_tasks: a.yml\n")
    told = faults(write("site.yml", "- hosts: all\n  tasks:\n    - import_tasks: a.yml\n"))
    assert any("imports itself: a.yml > b.yml > a.yml" in fault for fault in told)


def test_roles_that_depend_on_each_other_are_told(write: Write) -> None:
    write("roles/a/meta/main.yml", "dependencies: [b]\n")
    write("roles/b/meta/main.yml", "dependencies: [a]\n")
    told = faults(write("site.yml", "- hosts: all\n  roles: [a]\n"))
    assert any("the role `a` depends on itself" in fault for fault in told)


def test_templates_are_not_judged_before_they_are_rendered(write: Write) -> None:
    site = write(
        "site.yml",
        "- hosts: all\n  tasks:\n    - file: {path: /x, state: '{{ s }}', mode: '{{ m | default(omit) }}'}\n"
        "      become: '{{ b }}'\n      retries: '{{ r }}'\n      until: x\n    - debug: {msg: '{{ a }}', var: b}\n",
    )
    (play,) = read_playbook(site)
    assert len(play.tasks) == 2
