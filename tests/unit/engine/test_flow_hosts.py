"""Several hosts, `run_once`, delegation, `until`, extra vars and what a dry run registers, as ansible-core does it."""

from __future__ import annotations

import pytest

from .conftest import Lab
from .flow import Scenario, words

THREE = "web1,web2,web3"

SCENARIOS = [
    Scenario(
        "a host that fails drops out of this play and the next, the others go on",
        """
- hosts: all
  gather_facts: false
  tasks:
    - fail: {msg: no}
      when: inventory_hostname == 'web2'
    - debug: {msg: second}
- hosts: all
  gather_facts: false
  tasks:
    - debug: {msg: next play}
""",
        {
            "web1": ["skipped", "second", "next play"],
            "web2": ["failed False"],
            "web3": ["skipped", "second", "next play"],
        },
        hosts=THREE,
    ),
    Scenario(
        "hosts fail at different points, and one is rescued",
        """
- block:
    - fail: {msg: first}
      when: inventory_hostname == 'web1'
    - fail: {msg: second}
      when: inventory_hostname == 'web2'
    - debug: {msg: through}
  rescue:
    - debug: {msg: 'rescued {{ ansible_failed_result.msg }}'}
    - fail: {msg: for good}
      when: inventory_hostname == 'web2'
- debug: {msg: after}
""",
        {
            "web1": ["failed first", "rescued first", "skipped", "after"],
            "web2": ["skipped", "failed second", "rescued second", "failed for good"],
            "web3": ["skipped", "skipped", "through", "after"],
        },
        hosts=THREE,
    ),
    Scenario(
        "run_once in a loop runs every element once, and all hosts register them",
        """
- command: 'true {{ item }}'
  loop: [a, b]
  run_once: true
  register: r
- debug: {msg: '{{ r.results | map(attribute="item") | list }}'}
""",
        {"web1": ["true a|true b", "['a', 'b']"], "web2": ["['a', 'b']"]},
        hosts="web1,web2",
    ),
    Scenario(
        "run_once delegated to another host is told by the first",
        """
- command: 'true once'
  run_once: true
  delegate_to: web2
  register: r
- debug: {msg: '{{ r.rc }}'}
""",
        {"web1": ["true once", "0"], "web2": ["0"]},
        hosts="web1,web2",
    ),
    Scenario(
        "run_once skipped on the first host is skipped for all",
        """
- command: 'true'
  run_once: true
  when: inventory_hostname == 'web2'
- debug: {msg: after}
""",
        {"web1": ["skipped", "after"], "web2": ["after"]},
        hosts="web1,web2",
    ),
    Scenario(
        "set_fact with run_once is known on every host",
        """
- set_fact: {token: 'from {{ inventory_hostname }}'}
  run_once: true
- debug: {msg: '{{ token }}'}
""",
        {"web1": ["from web1"], "web2": ["from web1"]},
        hosts="web1,web2",
    ),
    Scenario(
        "a run_once failure that is ignored lets all go on",
        """
- command: 'false'
  run_once: true
  ignore_errors: true
  register: r
- debug: {msg: '{{ r is failed }}'}
""",
        {"web1": ["failed false", "True"], "web2": ["True"]},
        hosts="web1,web2",
    ),
    Scenario(
        "delegation keeps the variables of the host that delegates",
        """
- debug: {msg: '{{ inventory_hostname }}'}
  delegate_to: web2
- command: 'true {{ inventory_hostname }}'
  delegate_to: '{{ item }}'
  loop: [web1, web2]
""",
        {"web2": ["web2", "true web2|true web2"], "web1": ["web1", "true web1|true web1"]},
        hosts="web1,web2",
    ),
    Scenario(
        "facts of another host are seen once it has them",
        """
- hosts: web2
  gather_facts: false
  tasks:
    - set_fact: {color: blue}
- hosts: web1
  gather_facts: false
  tasks:
    - debug: {msg: "{{ hostvars['web2'].color }}"}
""",
        {"web1": ["blue"]},
        hosts="web1,web2",
    ),
    Scenario(
        "hosts of a play are cut by a limit, and group names still know all",
        """
- hosts: all
  gather_facts: false
  tasks:
    - debug: {msg: "{{ groups['all'] | length }} {{ ansible_play_hosts | length }}"}
""",
        {"web2": ["3 2"], "web3": ["3 2"]},
        hosts=THREE,
        options={"limit": "web2,web3"},
    ),
    Scenario(
        "end_play ends the play and the next one goes on",
        """
- hosts: all
  gather_facts: false
  tasks:
    - debug: {msg: first}
    - meta: end_play
    - debug: {msg: never}
- hosts: all
  gather_facts: false
  tasks:
    - debug: {msg: second play}
""",
        {"web1": ["first", "second play"]},
    ),
    Scenario(
        "until in a loop repeats each element by itself",
        """
- command: 'true {{ item }}'
  loop: [a, b]
  register: r
  until: r.attempts | default(1) >= 2 or item == 'a'
  retries: 3
  delay: 0
- debug: {msg: '{{ r.results | map(attribute="attempts") | list }}'}
""",
        {"web1": ["true a|true b", "[1, 2]"]},
    ),
    Scenario(
        "until that never holds fails after its retries and says how often it tried",
        """
- block:
    - command: 'true'
      register: r
      until: r.rc == 5
      retries: 2
      delay: 0
  rescue:
    - debug: {msg: '{{ r.attempts }} {{ ansible_failed_result.attempts }}'}
""",
        {"web1": ["failed true", "2 2"]},
    ),
    Scenario(
        "retries without until repeat while the task fails",
        """
- command: 'false'
  retries: 2
  delay: 0
  register: r
  ignore_errors: true
- debug: {msg: '{{ r.attempts | default(1) }}'}
""",
        {"web1": ["failed false", "2"]},
    ),
    Scenario(
        "three retries are made where only until is said, and none where it says nought",
        """
- command: 'true'
  register: r
  until: r.rc == 5
  delay: 0
  ignore_errors: true
- debug: {msg: '{{ r.attempts }}'}
- command: 'true'
  register: r
  until: r.rc == 5
  retries: 0
- debug: {msg: '{{ r.attempts | default("once") }}'}
""",
        {"web1": ["failed true", "3", "true", "once"]},
    ),
    Scenario(
        "extra vars win over a fact that a loop sets",
        """
- set_fact: {seen: "{{ seen | default('') ~ item }}", other: "{{ other | default('') ~ item }}"}
  loop: [a, b]
- debug: {msg: '{{ seen }} {{ other }}'}
""",
        {"web1": ["extra ab"]},
        options={"extra_vars": {"seen": "extra"}},
    ),
    Scenario(
        "failed_when decides before until looks",
        """
- command: 'false'
  register: r
  failed_when: false
  until: r is succeeded
  retries: 3
  delay: 0
- debug: {msg: '{{ r.rc }} {{ r.attempts }}'}
""",
        {"web1": ["false", "1 1"]},
    ),
    Scenario(
        "extra vars win over everything, and keep their types",
        """
- hosts: all
  gather_facts: false
  vars: {x: play, n: 0}
  tasks:
    - set_fact: {x: fact}
    - include_tasks: more.yml
      vars: {x: include}
    - debug: {msg: '{{ x }} {{ n + 1 }} {{ flag | ternary("yes", "no") }}'}
      vars: {x: task}
""",
        {"web1": ["inside extra", "extra 42 no"]},
        files={"more.yml": "- debug: {msg: 'inside {{ x }}'}\n  vars: {x: inner}\n"},
        options={"extra_vars": {"x": "extra", "n": 41, "flag": False}},
    ),
    Scenario(
        "a command with check_mode false runs in a dry run too",
        """
- command: 'true look'
  check_mode: false
  register: r
- debug: {msg: '{{ r.rc }}'}
""",
        {"web1": ["true look", "0"]},
        options={"check": True},
    ),
    Scenario(
        "a condition is a list of which all must hold, asked in order",
        """
- debug: {msg: never}
  when:
    - known is defined
    - known.deep == 1
- debug: {msg: ran}
  when: [1 == 1, "'a' in ['a']"]
""",
        {"web1": ["skipped", "ran"]},
    ),
    Scenario(
        "the condition of a loop is asked for each element, so it may not be there at all",
        """
- debug: {msg: '{{ item }}'}
  loop: '{{ nothing | default([]) }}'
  when: item.deep.deeper == 1
- debug: {msg: after}
""",
        {"web1": ["skipped", "after"]},
    ),
    Scenario(
        "register under a skipped task hides what was registered before",
        """
- {command: 'true 1', register: r}
- {command: 'true 2', register: r, when: false}
- debug: {msg: '{{ r is skipped }} {{ r.rc | default("gone") }}'}
""",
        {"web1": ["true 1", "skipped", "True gone"]},
    ),
    Scenario(
        "a fact that is set from itself takes the old value",
        """
- set_fact: {list: [1]}
- set_fact: {list: '{{ list + [item] }}'}
  loop: [2, 3]
- debug: {msg: '{{ list }}'}
""",
        {"web1": ["[1, 2, 3]"]},
    ),
    Scenario(
        "play vars are lazy: they follow facts that change",
        """
- hosts: all
  gather_facts: false
  vars: {greeting: 'hello {{ who }}'}
  tasks:
    - set_fact: {who: ann}
    - debug: {msg: '{{ greeting }}'}
    - set_fact: {who: bob}
    - debug: {msg: '{{ greeting }}'}
""",
        {"web1": ["hello ann", "hello bob"]},
    ),
    Scenario(
        "a loop variable does not outlive its loop",
        """
- debug: {msg: '{{ item }}'}
  loop: [1]
- debug: {msg: '{{ item | default("gone") }}'}
""",
        {"web1": ["1", "gone"]},
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_hosts_and_results(scenario: Scenario, lab: Lab) -> None:
    assert words(scenario.play(lab)) == scenario.said
