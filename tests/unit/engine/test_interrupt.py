"""Whoever interrupts a run does not wait for what the run was waiting for."""

from __future__ import annotations

import time

import pytest

from provision.engine.options import RunOptions
from provision.engine.run import run
from provision.engine.state import HostState, Stopped
from provision.inventory import load
from provision.inventory.hosts import Host
from provision.model import Output, Step
from provision.playbook.reader import read_playbook
from tests.unit.engine.conftest import Lab

PATIENT = """
- hosts: all
  gather_facts: false
  tasks:
    - name: wait for what never comes
      command: is it there
      register: answer
      until: answer.stdout == 'yes'
      retries: 1000
      delay: 30
"""


def test_a_worker_that_waits_for_its_next_try_is_woken(lab: Lab) -> None:
    job = run(read_playbook(lab.write("site.yml", PATIENT)), load(["web1,"]), RunOptions(connect=lab.connect))
    next(event for event in job if isinstance(event, (Step, Output)))
    begun = time.monotonic()
    job.close()  # type: ignore[attr-defined]
    assert time.monotonic() - begun < 5


def test_a_stopped_run_opens_no_new_connection(lab: Lab) -> None:
    job = run(read_playbook(lab.write("site.yml", PATIENT)), load(["web1,"]), RunOptions(connect=lab.connect))
    next(event for event in job if isinstance(event, (Step, Output)))
    job.close()  # type: ignore[attr-defined]
    ran = len(lab.machine().ran)
    time.sleep(0.1)
    assert len(lab.machine().ran) == ran <= 2


def test_a_pause_ends_by_itself_when_nobody_interrupts() -> None:
    HostState(Host("web1")).pause(0.01)


def test_a_pause_is_no_pause_any_more_once_stopped() -> None:
    state = HostState(Host("web1"))
    state.stop()
    with pytest.raises(Stopped):
        state.pause(30)
    with pytest.raises(Stopped):
        state.go_on()
