"""Blocks, rescue, always, loops and includes inside one another, as ansible-core runs them."""

from __future__ import annotations

import pytest

from .conftest import Lab
from .flow import Scenario, words

SCENARIOS = [
    Scenario(
        "a rescue in a file that is included in a loop serves each element",
        """
- include_tasks: try.yml
  loop: [good, bad, fine]
- debug: {msg: after}
""",
        {
            "web1": [
                "skipped",
                "good went well",
                "cleaned good",
                "failed bad failed",
                "rescued bad: bad failed",
                "cleaned bad",
                "skipped",
                "fine went well",
                "cleaned fine",
                "after",
            ]
        },
        files={
            "try.yml": """
- block:
    - fail: {msg: '{{ item }} failed'}
      when: item == 'bad'
    - debug: {msg: '{{ item }} went well'}
  rescue:
    - debug: {msg: 'rescued {{ item }}: {{ ansible_failed_result.msg }}'}
  always:
    - debug: {msg: 'cleaned {{ item }}'}
"""
        },
    ),
    Scenario(
        "blocks in included files in a loop of included files see both loop variables",
        """
- include_tasks: outer.yml
  loop: [1, 2]
  loop_control: {loop_var: tens}
""",
        {"web1": ["1b", "2a", "2b"]},
        files={
            "outer.yml": "- include_tasks: inner.yml\n  loop: [a, b]\n  when: tens == 2 or item == 'b'\n",
            "inner.yml": "- block:\n    - block:\n        - debug: {msg: '{{ tens }}{{ item }}'}\n      when: true\n",
        },
    ),
    Scenario(
        "a failure in an included file is rescued by the block around the include",
        """
- block:
    - include_tasks: bad.yml
    - debug: {msg: never}
  rescue:
    - debug: {msg: 'rescued {{ ansible_failed_task.name }}'}
- debug: {msg: after}
""",
        {"web1": ["before", "failed False", "rescued the bad one", "after"]},
        files={"bad.yml": "- debug: {msg: before}\n- name: the bad one\n  fail: {msg: no}\n- debug: {msg: never}\n"},
    ),
    Scenario(
        "a failure in the second element of a looped include leaves out the third",
        """
- block:
    - include_tasks: one.yml
      loop: [1, 2, 3]
  rescue:
    - debug: {msg: rescued}
""",
        {"web1": ["at 1", "skipped", "at 2", "failed two", "rescued"]},
        files={"one.yml": "- debug: {msg: 'at {{ item }}'}\n- fail: {msg: two}\n  when: item == 2\n"},
    ),
    Scenario(
        "three blocks deep, each always runs on the way out",
        """
- block:
    - block:
        - block:
            - fail: {msg: deep}
          always:
            - debug: {msg: inner}
        - debug: {msg: never}
      always:
        - debug: {msg: middle}
  rescue:
    - debug: {msg: rescued}
  always:
    - debug: {msg: outer}
- debug: {msg: after}
""",
        {"web1": ["failed deep", "inner", "middle", "rescued", "outer", "after"]},
    ),
    Scenario(
        "a failure in always ends the host although the block was well",
        """
- block:
    - debug: {msg: well}
  always:
    - fail: {msg: in always}
    - debug: {msg: never}
- debug: {msg: never}
""",
        {"web1": ["well", "failed in always"]},
    ),
    Scenario(
        "a failure in always after a rescue is caught by the block outside",
        """
- block:
    - block:
        - fail: {msg: first}
      rescue:
        - debug: {msg: rescued first}
      always:
        - fail: {msg: second}
  rescue:
    - debug: {msg: 'rescued {{ ansible_failed_result.msg }}'}
- debug: {msg: after}
""",
        {"web1": ["failed first", "rescued first", "failed second", "rescued second", "after"]},
    ),
    Scenario(
        "a failure in rescue goes to the rescue of the block outside",
        """
- block:
    - block:
        - fail: {msg: first}
      rescue:
        - fail: {msg: second}
        - debug: {msg: never}
      always:
        - debug: {msg: inner always}
  rescue:
    - debug: {msg: 'outer: {{ ansible_failed_result.msg }}'}
  always:
    - debug: {msg: outer always}
""",
        {"web1": ["failed first", "failed second", "inner always", "outer: second", "outer always"]},
    ),
    Scenario(
        "a block in a rescue has a rescue of its own",
        """
- block:
    - fail: {msg: first}
  rescue:
    - block:
        - fail: {msg: second}
      rescue:
        - debug: {msg: 'inner: {{ ansible_failed_result.msg }}'}
    - debug: {msg: goes on}
- debug: {msg: after}
""",
        {"web1": ["failed first", "failed second", "inner: second", "goes on", "after"]},
    ),
    Scenario(
        "a condition of a block counts for its rescue and always sections too",
        """
- block:
    - fail: {msg: no}
  rescue:
    - debug: {msg: rescue}
  always:
    - debug: {msg: always}
  when: false
- debug: {msg: after}
""",
        {"web1": ["skipped", "skipped", "after"]},
    ),
    Scenario(
        "ignored errors do not wake the rescue",
        """
- block:
    - command: 'false'
      ignore_errors: true
    - debug: {msg: goes on}
  rescue:
    - debug: {msg: never}
""",
        {"web1": ["failed false", "goes on"]},
    ),
    Scenario(
        "ignore_errors of a block is inherited by its tasks",
        """
- block:
    - fail: {msg: one}
    - fail: {msg: two}
      ignore_errors: false
    - debug: {msg: never}
  ignore_errors: true
""",
        {"web1": ["failed one", "failed two"]},
    ),
    Scenario(
        "vars of a block are seen inside and not behind it",
        """
- block:
    - debug: {msg: '{{ color }}'}
    - block:
        - debug: {msg: '{{ color }} {{ shade }}'}
      vars: {shade: dark}
  rescue:
    - debug: {msg: never}
  vars: {color: blue}
- debug: {msg: "{{ color | default('gone') }} {{ shade | default('gone') }}"}
""",
        {"web1": ["blue", "blue dark", "gone gone"]},
    ),
    Scenario(
        "what failed stays known after the rescue",
        """
- block:
    - name: break
      command: 'false'
  rescue:
    - debug: {msg: saved}
- debug: {msg: '{{ ansible_failed_task.name | default("forgotten") }}'}
""",
        {"web1": ["failed false", "saved", "break"]},
    ),
    Scenario(
        "the condition of an include is that of each of its tasks",
        """
- include_tasks: more.yml
  when: switch | default(true)
- debug: {msg: after}
""",
        {"web1": ["first", "second", "after"]},
        files={"more.yml": "- debug: {msg: first}\n- set_fact: {switch: false}\n- debug: {msg: second}\n"},
    ),
    Scenario(
        "the condition of an import is asked before each of its tasks",
        """
- import_tasks: more.yml
  when: switch | default(true)
- debug: {msg: after}
""",
        {"web1": ["first", "skipped", "after"]},
        files={"more.yml": "- debug: {msg: first}\n- set_fact: {switch: false}\n- debug: {msg: second}\n"},
    ),
    Scenario(
        "variables of an include are seen in the file only, and win over the play's",
        """
- hosts: all
  gather_facts: false
  vars: {color: red}
  tasks:
    - include_tasks: more.yml
      vars: {color: blue}
    - debug: {msg: '{{ color }}'}
""",
        {"web1": ["blue", "red"]},
        files={"more.yml": "- debug: {msg: '{{ color }}'}\n"},
    ),
    Scenario(
        "an include may name its file by a fact that was just set",
        """
- set_fact: {which: second}
- include_tasks: '{{ which }}.yml'
- include_tasks: {file: '{{ item }}.yml'}
  loop: [second, first]
""",
        {"web1": ["two", "two", "one"]},
        files={"first.yml": "- debug: {msg: one}\n", "second.yml": "- debug: {msg: two}\n"},
    ),
    Scenario(
        "a file that includes itself stops where its condition says",
        """
- set_fact: {level: 3}
- include_tasks: down.yml
""",
        {"web1": ["level 3", "level 2", "level 1"]},
        files={
            "down.yml": "- debug: {msg: 'level {{ level }}'}\n- set_fact: {level: '{{ level | int - 1 }}'}\n"
            "- include_tasks: down.yml\n  when: level | int > 0\n",
        },
    ),
    Scenario(
        "an included file that is not there fails and can be rescued",
        """
- block:
    - include_tasks: nowhere.yml
  rescue:
    - debug: {msg: rescued}
- debug: {msg: after}
""",
        {"web1": ["failed include_tasks", "rescued", "after"]},
    ),
    Scenario(
        "registered results of the last element stay after a loop of includes",
        """
- include_tasks: one.yml
  loop: [a, b]
- debug: {msg: '{{ r.stdout | default(r.msg) }}'}
""",
        {"web1": ["true a", "true b", "b"]},
        files={"one.yml": "- command: 'true {{ item }}'\n  register: r\n- set_fact: {r: {msg: '{{ item }}'}}\n"},
    ),
    Scenario(
        "a loop inside a loop of includes needs another name to see the outer element",
        """
- include_tasks: inner.yml
  loop: [x, y]
  loop_control: {loop_var: outer, index_var: at}
""",
        {"web1": ["0x1|0x2", "1y1|1y2"]},
        files={"inner.yml": "- debug: {msg: '{{ at }}{{ outer }}{{ item }}'}\n  loop: [1, 2]\n"},
    ),
    Scenario(
        "an include in a loop over nothing does nothing",
        """
- include_tasks: never.yml
  loop: []
- debug: {msg: after}
""",
        {"web1": ["after"]},
        files={"never.yml": "- debug: {msg: never}\n"},
    ),
    Scenario(
        "a failed element fails the task but all elements ran, and the rescue sees them",
        """
- block:
    - command: '{{ item }}'
      loop: ['true 1', 'false', 'true 2']
  rescue:
    - debug: {msg: "{{ ansible_failed_result.results | map(attribute='rc') | list }}"}
""",
        {"web1": ["failed true 1|false|true 2", "[0, 1, 0]"]},
    ),
    Scenario(
        "ignored errors in a loop go on, and the register knows of them",
        """
- command: '{{ item }}'
  loop: ['false', 'true']
  ignore_errors: true
  register: r
- debug: {msg: '{{ r is failed }} {{ r.results | map(attribute="rc") | list }}'}
""",
        {"web1": ["failed false|true", "True [1, 0]"]},
    ),
    Scenario(
        "failed_when in a loop judges each element",
        """
- command: 'true {{ item }}'
  loop: [1, 2, 3]
  register: r
  failed_when: r.rc == 0 and item == 2
  ignore_errors: true
- debug: {msg: '{{ r.results | map(attribute="failed") | list }}'}
""",
        {"web1": ["failed true 1|true 2|true 3", "[False, True, False]"]},
    ),
    Scenario(
        "a loop over the results of a loop",
        """
- command: 'true {{ item }}'
  loop: [a, b]
  register: made
- debug: {msg: '{{ item.item }} {{ item.rc }}'}
  loop: '{{ made.results }}'
""",
        {"web1": ["true a|true b", "a 0|b 0"]},
    ),
    Scenario(
        "a condition that skips every element skips the task",
        """
- debug: {msg: '{{ item }}'}
  loop: [1, 2]
  when: item > 5
  register: r
- debug: {msg: '{{ r is skipped }} {{ r.results | length }}'}
""",
        {"web1": ["skipped", "True 2"]},
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_blocks_and_includes(scenario: Scenario, lab: Lab) -> None:
    assert words(scenario.play(lab)) == scenario.said
