"""Handlers, `meta`, roles, tags and where a run begins, as ansible-core does it."""

from __future__ import annotations

import pytest

from .conftest import Lab
from .flow import Scenario, words

ROLE = {
    "roles/web/tasks/main.yml": "- debug: {msg: 'web on {{ port }}'}\n",
    "roles/web/tasks/part.yml": "- debug: {msg: 'part on {{ port }}'}\n- command: 'true part'\n  notify: reload web\n",
    "roles/web/handlers/main.yml": "- name: reload web\n  debug: {msg: 'reload {{ port }}'}\n",
    "roles/web/defaults/main.yml": "port: 80\nspare: default\n",
    "roles/web/vars/main.yml": "inner: var\n",
}

SCENARIOS = [
    Scenario(
        "handlers run after the play's tasks, once each, in the order in which they are written",
        """
- hosts: all
  gather_facts: false
  tasks:
    - command: 'true 1'
      notify: [second, first]
    - command: 'true 2'
      notify: second
    - debug: {msg: last task}
  handlers:
    - {name: first, debug: {msg: one}}
    - {name: second, debug: {msg: two}}
    - {name: third, debug: {msg: three}}
""",
        {"web1": ["true 1", "true 2", "last task", "one", "two"]},
    ),
    Scenario(
        "a handler that notifies a later handler is heard in the same round",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {command: 'true', notify: first}
  handlers:
    - {name: first, command: 'true first', notify: second}
    - {name: second, debug: {msg: two}}
""",
        {"web1": ["true", "true first", "two"]},
    ),
    Scenario(
        "a chain of handlers is followed to its end",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {command: 'true', notify: a}
  handlers:
    - {name: a, command: 'true a', notify: b}
    - {name: b, command: 'true b', notify: c}
    - {name: c, command: 'true c'}
""",
        {"web1": ["true", "true a", "true b", "true c"]},
    ),
    Scenario(
        "a topic wakes every handler that listens to it",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {command: 'true', notify: the web changed}
  handlers:
    - {name: a, listen: the web changed, debug: {msg: one}}
    - {name: b, listen: other, debug: {msg: never}}
    - {name: c, listen: [other, the web changed], debug: {msg: two}}
""",
        {"web1": ["true", "one", "two"]},
    ),
    Scenario(
        "a block's notify is that of each of its tasks, and a task that changed nothing tells nobody",
        """
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - {command: 'true', changed_when: false}
      notify: never
    - block:
        - {command: 'true 2'}
      notify: told
  handlers:
    - {name: told, debug: {msg: told}}
    - {name: never, debug: {msg: never}}
""",
        {"web1": ["true", "true 2", "told"]},
    ),
    Scenario(
        "flush_handlers runs them at once, and a later change wakes them again",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {command: 'true 1', notify: h}
    - meta: flush_handlers
    - debug: {msg: between}
    - {command: 'true 2', notify: h}
  handlers:
    - {name: h, debug: {msg: handled}}
""",
        {"web1": ["true 1", "handled", "between", "true 2", "handled"]},
    ),
    Scenario(
        "handlers are notified from included files, from rescue sections and from loops",
        """
- hosts: all
  gather_facts: false
  tasks:
    - include_tasks: more.yml
      loop: [1, 2]
    - block:
        - fail: {msg: no}
      rescue:
        - {command: 'true', notify: from rescue}
    - command: 'true {{ item }}'
      loop: [x, y]
      changed_when: item == 'y'
      notify: from loop
  handlers:
    - {name: from loop, debug: {msg: loop}}
    - {name: from rescue, debug: {msg: rescue}}
    - {name: from include, debug: {msg: include}}
""",
        {"web1": ["true 1", "true 2", "failed False", "true", "true x|true y", "loop", "rescue", "include"]},
        files={"more.yml": "- {command: 'true {{ item }}', notify: from include}\n"},
    ),
    Scenario(
        "a handler whose condition does not hold is skipped",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {command: 'true', notify: [h, i]}
  handlers:
    - {name: h, debug: {msg: never}, when: false}
    - {name: i, debug: {msg: ran}}
""",
        {"web1": ["true", "skipped", "ran"]},
    ),
    Scenario(
        "a handler may loop, and its name may hold a variable",
        """
- hosts: all
  gather_facts: false
  vars: {service: tts}
  tasks:
    - {command: 'true', notify: restart tts}
  handlers:
    - name: 'restart {{ service }}'
      debug: {msg: '{{ item }}'}
      loop: [stop, start]
""",
        {"web1": ["true", "stop|start"]},
    ),
    Scenario(
        "what failed and was ignored does not notify",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {command: 'false', notify: h, ignore_errors: true}
  handlers:
    - {name: h, debug: {msg: never}}
""",
        {"web1": ["failed false"]},
    ),
    Scenario(
        "a handler that fails ends the host, and later handlers do not run",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {command: 'true', notify: [a, b]}
  handlers:
    - {name: a, fail: {msg: handler broke}}
    - {name: b, debug: {msg: never}}
""",
        {"web1": ["true", "failed handler broke"]},
    ),
    Scenario(
        "handlers that wait do not run when a task fails, but when it is rescued",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {command: 'true', notify: h}
    - block: [{fail: {msg: first}}]
      rescue: [{debug: {msg: rescued}}]
    - meta: flush_handlers
    - {command: 'true 2', notify: h}
    - fail: {msg: last}
  handlers:
    - {name: h, debug: {msg: handled}}
""",
        {"web1": ["true", "failed first", "rescued", "handled", "true 2", "failed last"]},
    ),
    Scenario(
        "force_handlers runs them although the host has failed",
        """
- hosts: all
  gather_facts: false
  force_handlers: true
  tasks:
    - {command: 'true', notify: h}
    - fail: {msg: broke}
    - debug: {msg: never}
  handlers:
    - {name: h, debug: {msg: handled}}
""",
        {"web1": ["true", "failed broke", "handled"]},
    ),
    Scenario(
        "end_host leaves out the rest of the play for that host, but not the next play",
        """
- hosts: all
  gather_facts: false
  tasks:
    - debug: {msg: first}
    - meta: end_host
      when: inventory_hostname == 'web1'
    - debug: {msg: second}
- hosts: all
  gather_facts: false
  tasks:
    - debug: {msg: next play}
""",
        {"web1": ["first", "next play"], "web2": ["first", "second", "next play"]},
        hosts="web1,web2",
    ),
    Scenario(
        "meta noop does nothing and clear_facts forgets what was gathered",
        """
- set_fact: {mine: kept}
- meta: noop
- meta: clear_facts
- debug: {msg: '{{ mine | default("gone") }}'}
""",
        {"web1": ["kept"]},
    ),
    Scenario(
        "an included role runs the file of tasks that is asked for, and brings its handlers",
        """
- include_role: {name: web, tasks_from: part}
- debug: {msg: after}
""",
        {"web1": ["part on 80", "true part", "after", "reload 80"]},
        files=ROLE,
    ),
    Scenario(
        "an included role takes variables of its include, and its vars stay its own",
        """
- include_role: {name: web}
  vars: {port: 8080}
- debug: {msg: "{{ port | default('none') }} {{ inner | default('none') }}"}
""",
        {"web1": ["web on 8080", "none none"]},
        files=ROLE,
    ),
    Scenario(
        "a public role shows its defaults and vars to what follows",
        """
- include_role: {name: web, public: true}
- debug: {msg: "{{ port }} {{ inner }}"}
""",
        {"web1": ["web on 80", "80 var"]},
        files=ROLE,
    ),
    Scenario(
        "an imported role shows its defaults and vars at once",
        """
- debug: {msg: "{{ inner | default('none') }}"}
- import_role: {name: web}
- debug: {msg: "{{ port }} {{ inner }}"}
""",
        {"web1": ["var", "web on 80", "80 var"]},
        files=ROLE,
    ),
    Scenario(
        "a role in a loop runs for each element",
        """
- include_role: {name: web}
  vars: {port: '{{ 8000 + item }}'}
  loop: [1, 2]
""",
        {"web1": ["web on 8001", "web on 8002"]},
        files=ROLE,
    ),
    Scenario(
        "roles run before tasks and after pre_tasks, with handlers flushed between",
        """
- hosts: all
  gather_facts: false
  pre_tasks:
    - {command: 'true pre', notify: h}
  roles:
    - {role: web, vars: {port: 81}}
    - {role: web, vars: {port: 82}}
  tasks:
    - {command: 'true task', notify: h}
  post_tasks:
    - debug: {msg: post}
  handlers:
    - {name: h, debug: {msg: handled}}
""",
        {"web1": ["true pre", "handled", "web on 81", "web on 82", "true task", "handled", "post"]},
        files=ROLE,
    ),
    Scenario(
        "a role that is listed twice alike runs once",
        """
- hosts: all
  gather_facts: false
  roles: [web, web]
""",
        {"web1": ["web on 80"]},
        files=ROLE,
    ),
    Scenario(
        "roles that a role depends on run first",
        """
- hosts: all
  gather_facts: false
  roles: [top]
""",
        {"web1": ["web on 7", "top"]},
        files={
            **ROLE,
            "roles/top/meta/main.yml": "dependencies:\n  - {role: web, vars: {port: 7}}\n",
            "roles/top/tasks/main.yml": "- debug: {msg: top}\n",
        },
    ),
    Scenario(
        "the handler of a role can be called by its role's name",
        """
- hosts: all
  gather_facts: false
  roles: [web]
  tasks:
    - {command: 'true', notify: 'web : reload web'}
""",
        {"web1": ["web on 80", "true", "reload 80"]},
        files=ROLE,
    ),
    Scenario(
        "a handler of the play wins over a role's of the same name",
        """
- hosts: all
  gather_facts: false
  roles: [web]
  tasks:
    - {command: 'true', notify: reload web}
  handlers:
    - {name: reload web, debug: {msg: the play's}}
""",
        {"web1": ["web on 80", "true", "the play's"]},
        files=ROLE,
    ),
    Scenario(
        "tags of an include choose the include only, not its tasks",
        """
- include_tasks: more.yml
  tags: pick
- debug: {msg: untagged}
""",
        {"web1": ["tagged"]},
        files={"more.yml": "- debug: {msg: plain}\n- debug: {msg: tagged}\n  tags: pick\n"},
        options={"tags": frozenset({"pick"})},
    ),
    Scenario(
        "tags in `apply` are those of the included tasks",
        """
- include_tasks: {file: more.yml, apply: {tags: pick}}
  tags: pick
- debug: {msg: untagged}
""",
        {"web1": ["one", "two"]},
        files={"more.yml": "- debug: {msg: one}\n- debug: {msg: two}\n"},
        options={"tags": frozenset({"pick"})},
    ),
    Scenario(
        "tags of an import are those of its tasks",
        """
- import_tasks: more.yml
  tags: pick
- debug: {msg: untagged}
""",
        {"web1": ["one", "two"]},
        files={"more.yml": "- debug: {msg: one}\n- debug: {msg: two}\n  tags: other\n"},
        options={"tags": frozenset({"pick"})},
    ),
    Scenario(
        "tags of a role are those of its tasks, and handlers run whatever their tags",
        """
- hosts: all
  gather_facts: false
  roles:
    - {role: web, tags: web}
  tasks:
    - {command: 'true', notify: h, tags: web}
    - debug: {msg: not chosen}
  handlers:
    - {name: h, debug: {msg: handled}, tags: other}
""",
        {"web1": ["web on 80", "true", "handled"]},
        files=ROLE,
        options={"tags": frozenset({"web"})},
    ),
    Scenario(
        "tags of a block are inherited, and skipping one leaves out the block",
        """
- block:
    - debug: {msg: one}
    - debug: {msg: two}
      tags: keep
  tags: heavy
- debug: {msg: three}
""",
        {"web1": ["three"]},
        options={"skip_tags": frozenset({"heavy"})},
    ),
    Scenario(
        "always runs unless it is skipped, never runs only when it is asked for",
        """
- {debug: {msg: always}, tags: always}
- {debug: {msg: never}, tags: [never, debugging]}
- {debug: {msg: plain}}
- {debug: {msg: chosen}, tags: debugging}
""",
        {"web1": ["always", "never", "chosen"]},
        options={"tags": frozenset({"debugging"})},
    ),
    Scenario(
        "tagged means whatever has a tag",
        """
- {debug: {msg: a}, tags: a}
- {debug: {msg: never}, tags: [never]}
- {debug: {msg: plain}}
""",
        {"web1": ["a"]},
        options={"tags": frozenset({"tagged"})},
    ),
    Scenario(
        "a run may start at a task inside a block, and its always section still runs",
        """
- debug: {msg: before}
- block:
    - {name: one, debug: {msg: one}}
    - {name: two, debug: {msg: two}}
  always:
    - {name: at last, debug: {msg: always}}
- debug: {msg: after}
""",
        {"web1": ["two", "always", "after"]},
        options={"start_at_task": "two"},
    ),
    Scenario(
        "a run may start at a task of a role",
        """
- hosts: all
  gather_facts: false
  pre_tasks:
    - debug: {msg: before}
  roles: [two]
  tasks:
    - debug: {msg: after}
""",
        {"web1": ["b", "after"]},
        files={"roles/two/tasks/main.yml": "- {name: a, debug: {msg: a}}\n- {name: b, debug: {msg: b}}\n"},
        options={"start_at_task": "two : b"},
    ),
    Scenario(
        "a run that starts at a task of the second play leaves out the first",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {name: a, debug: {msg: a}}
- hosts: all
  gather_facts: false
  tasks:
    - {name: b, debug: {msg: b}}
    - {name: c, debug: {msg: c}}
- hosts: all
  gather_facts: false
  tasks:
    - {name: d, debug: {msg: d}}
""",
        {"web1": ["c", "d"]},
        options={"start_at_task": "c"},
    ),
    Scenario(
        "a handler between two notified ones runs between them when the first one notifies it",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {command: 'true', notify: [a, c]}
  handlers:
    - {name: a, command: 'true a', notify: b}
    - {name: b, command: 'true b'}
    - {name: c, command: 'true c'}
""",
        {"web1": ["true", "true a", "true b", "true c"]},
    ),
    Scenario(
        "a handler that notifies an earlier one is too late for this round",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {command: 'true', notify: b}
    - meta: flush_handlers
    - debug: {msg: between}
  handlers:
    - {name: a, debug: {msg: earlier}}
    - {name: b, command: 'true b', notify: a}
""",
        {"web1": ["true", "true b", "between", "earlier"]},
    ),
    Scenario(
        "a handler may include a file of tasks",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {command: 'true', notify: h}
  handlers:
    - {name: h, include_tasks: handling.yml}
    - {name: i, command: 'true i'}
""",
        {"web1": ["true", "one", "true two", "true i"]},
        files={"handling.yml": "- debug: {msg: one}\n- {command: 'true two', notify: i}\n"},
    ),
    Scenario(
        "of handlers with one name the first in the file runs, and of listeners with one name too",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {command: 'true', notify: [h, topic]}
  handlers:
    - {name: h, debug: {msg: first}}
    - {name: h, debug: {msg: second}}
    - {name: k, listen: topic, debug: {msg: heard first}}
    - {name: k, listen: topic, debug: {msg: heard second}}
    - {name: l, listen: topic, debug: {msg: heard too}}
""",
        {"web1": ["true", "first", "heard first", "heard too"]},
    ),
    Scenario(
        "a handler of a role that is included later wins over the play's",
        """
- hosts: all
  gather_facts: false
  tasks:
    - include_role: {name: web, tasks_from: part}
  handlers:
    - {name: reload web, debug: {msg: the play's}}
""",
        {"web1": ["part on 80", "true part", "reload 80"]},
        files=ROLE,
    ),
    Scenario(
        "a notified topic wakes listeners in a role and in the play",
        """
- hosts: all
  gather_facts: false
  roles: [web]
  tasks:
    - {command: 'true', notify: topic}
  handlers:
    - {name: ours, listen: topic, debug: {msg: the play's}}
""",
        {"web1": ["web on 80", "true", "the role's", "the play's"]},
        files={**ROLE, "roles/web/handlers/main.yml": "- {name: theirs, listen: topic, debug: {msg: the role's}}\n"},
    ),
    Scenario(
        "handlers that were left over by one that failed run at the next flush",
        """
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - {command: 'true', notify: [a, b]}
        - meta: flush_handlers
      rescue:
        - debug: {msg: rescued}
    - debug: {msg: after}
  handlers:
    - {name: a, fail: {msg: handler broke}}
    - {name: b, debug: {msg: left over}}
""",
        {"web1": ["true", "failed handler broke", "rescued", "after", "left over"]},
    ),
    Scenario(
        "of a role that is used twice the later one's handler runs",
        """
- hosts: all
  gather_facts: false
  roles:
    - {role: teller, vars: {who: first}}
    - {role: teller, vars: {who: second}}
""",
        {"web1": ["true first", "true second", "told second"]},
        files={
            "roles/teller/tasks/main.yml": "- {command: 'true {{ who }}', notify: tell}\n",
            "roles/teller/handlers/main.yml": "- {name: tell, debug: {msg: 'told {{ who }}'}}\n",
        },
    ),
    Scenario(
        "of a role that is included in a loop the last one's handler runs",
        """
- include_role: {name: teller}
  loop: [first, second]
  loop_control: {loop_var: who}
""",
        {"web1": ["true first", "true second", "told second"]},
        files={
            "roles/teller/tasks/main.yml": "- {command: 'true {{ who }}', notify: tell}\n",
            "roles/teller/handlers/main.yml": "- {name: tell, debug: {msg: 'told {{ who }}'}}\n",
        },
    ),
    Scenario(
        "a handler that fails and is ignored lets the next one run",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {command: 'true', notify: [a, b]}
  handlers:
    - {name: a, command: 'false', ignore_errors: true}
    - {name: b, debug: {msg: two}}
""",
        {"web1": ["true", "failed false", "two"]},
    ),
    Scenario(
        "flushing inside a block whose rescue catches a failing handler goes on in the rescue",
        """
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - {command: 'true', notify: a}
        - meta: flush_handlers
        - debug: {msg: never}
      rescue:
        - debug: {msg: rescued}
  handlers:
    - {name: a, fail: {msg: handler broke}}
""",
        {"web1": ["true", "failed handler broke", "rescued"]},
    ),
    Scenario(
        "an included role in a block is rescued by it",
        """
- block:
    - include_role: {name: bad}
  rescue:
    - debug: {msg: rescued}
  always:
    - include_role: {name: web}
""",
        {"web1": ["in", "failed broke", "rescued", "web on 80"]},
        files={**ROLE, "roles/bad/tasks/main.yml": "- debug: {msg: in}\n- fail: {msg: broke}\n- debug: {msg: never}\n"},
    ),
    Scenario(
        "a role that includes a file of its own finds it, and a role within",
        """
- hosts: all
  gather_facts: false
  roles: [outer]
""",
        {"web1": ["own of outer", "web on 80", "outer 1"]},
        files={
            **ROLE,
            "roles/outer/tasks/main.yml": "- include_tasks: own.yml\n- include_role: {name: web}\n"
            "- debug: {msg: '{{ role_name }} {{ port | default(1) }}'}\n",
            "roles/outer/tasks/own.yml": "- debug: {msg: 'own of {{ role_name }}'}\n",
        },
    ),
    Scenario(
        "what an include in a block registers is seen behind the block",
        """
- block:
    - include_tasks: more.yml
- debug: {msg: '{{ r.rc }}'}
""",
        {"web1": ["true", "0"]},
        files={"more.yml": "- {command: 'true', register: r}\n"},
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_handlers_roles_and_tags(scenario: Scenario, lab: Lab) -> None:
    assert words(scenario.play(lab)) == scenario.said
