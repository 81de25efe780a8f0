"""Fifty tasks on one host: our engine, ansible-core (as it comes, and tuned), and one script over ssh as the bound.

    python benchmarks/engine.py -i INVENTORY HOST [--runs 5]

Whole-process wall seconds, medians. `first`: nothing is there yet; `again`: nothing is to be done. The contestants take
turns, so that a machine that gets slower does so for all. All must leave the same tree; one that did nothing is caught.
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from provision.inventory import load
from provision.ssh.door import Door, connect
from provision.ssh.target import target_from

TOP = "/srv/bench"
HERE = Path(sys.executable).parent


@dataclass(frozen=True)
class Contestant:
    """A name, and what one run of it is; it returns the exit code."""

    name: str
    run: Callable[[], int]


def playbook() -> str:
    """Fifty tasks of the kind a server install has."""
    tasks = [f"file: {{path: {TOP}, state: directory}}"]
    tasks += [f"file: {{path: {TOP}/d{n}, state: directory, mode: '0750'}}" for n in range(10)]
    tasks += [f"copy: {{content: 'conf {n}', dest: {TOP}/d{n}/conf, mode: '0644'}}" for n in range(10)]
    tasks += [f"template: {{src: site.j2, dest: {TOP}/site{n}}}" for n in range(5)]
    tasks += [f"lineinfile: {{path: {TOP}/lines, line: 'line {n}', create: true}}" for n in range(5)]
    tasks += [
        f"blockinfile: {{path: {TOP}/blocks, block: 'b {n}', marker: '# {{mark}} {n}', create: true}}" for n in range(3)
    ]
    tasks += [f"command: {{cmd: touch {TOP}/made{n}, creates: {TOP}/made{n}}}" for n in range(5)]
    tasks += [f"file: {{src: d{n}/conf, dest: {TOP}/link{n}, state: link}}" for n in range(5)]
    for n in range(2):
        tasks += [f"shell: echo $(({n} + 40))\n      register: sum{n}\n      changed_when: false"]
        tasks += [f"copy: {{content: '{{{{ sum{n}.stdout }}}}', dest: {TOP}/sum{n}}}"]
    tasks += [
        f"stat: {{path: {TOP}/none}}\n      register: absent",
        f"command: touch {TOP}/never\n      when: absent.stat.exists",
    ]
    body = "".join(f"    - {task}\n" for task in tasks)
    return f"- hosts: all\n  become: true\n  gather_facts: false\n  vars: {{port: 8080}}\n  tasks:\n{body}"


SCRIPT = f"""
set -e
mkdir -p {TOP}
for n in 0 1 2 3 4 5 6 7 8 9; do
  mkdir -p -m 0750 {TOP}/d$n
  [ -e {TOP}/d$n/conf ] || printf 'conf %s' $n > {TOP}/d$n/conf
done
for n in 0 1 2 3 4; do
  [ -e {TOP}/site$n ] || printf 'listen 8080\\n' > {TOP}/site$n
  grep -qx "line $n" {TOP}/lines 2>/dev/null || echo "line $n" >> {TOP}/lines
  [ -e {TOP}/made$n ] || touch {TOP}/made$n
  [ -L {TOP}/link$n ] || ln -s d$n/conf {TOP}/link$n
done
for n in 0 1 2; do
  grep -q "# $n" {TOP}/blocks 2>/dev/null || printf '# %s\\nb %s\\n' $n $n >> {TOP}/blocks
done
for n in 0 1; do [ -e {TOP}/sum$n ] || printf %s $((n + 40)) > {TOP}/sum$n; done
"""


def process(*command: str, cwd: Path) -> Callable[[], int]:
    """A contestant that is a program of its own."""
    return lambda: subprocess.run(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


def contestants(inventory: str, host: str, folder: Path, ssh: list[str]) -> list[Contestant]:
    """Everybody, in the order of their turns."""
    (folder / "tuned").mkdir()
    (folder / "tuned/ansible.cfg").write_text("[ssh_connection]\npipelining = true\n")
    ansible = (str(HERE / "ansible-playbook"), "-i", inventory, "-l", host, str(folder / "fifty.yml"))
    ours = (str(HERE / "provision"), "play", str(folder / "fifty.yml"), "-i", inventory, "-l", host)
    script = "sudo -n sh -c " + shlex.quote(SCRIPT)
    return [
        Contestant("one script over ssh (the bound)", process(*ssh, script, cwd=folder)),
        Contestant("provision play", process(*ours, cwd=folder)),
        Contestant("ansible-core, pipelining", process(*ansible, cwd=folder / "tuned")),
        Contestant("ansible-core, as it comes", process(*ansible, cwd=folder)),
    ]


def measured(door: Door, contestant: Contestant) -> tuple[float, float, str]:
    """Seconds of a first and of a repeated run, and the tree that is left."""
    door.run(f"sudo -n rm -rf {TOP}")
    times = []
    for _ in ("first", "again"):
        begun = time.perf_counter()
        code = contestant.run()
        times.append(time.perf_counter() - begun)
        if code != 0:
            raise SystemExit(f"{contestant.name} ended with {code}")
    names = door.run(f"cd {TOP} && sudo -n find . | sort").stdout
    return times[0], times[1], names


def main() -> None:
    """Take turns, compare the trees, print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("host")
    options.add_argument("-i", "--inventory", required=True)
    options.add_argument("--runs", type=int, default=5)
    given = options.parse_args()
    target = target_from(given.host, load([given.inventory]).hosts[given.host].vars)
    door = connect(target)
    known = ["-o", f"UserKnownHostsFile={target.known_hosts[0]}", "-o", f"HostKeyAlias={target.host_key_alias}"]
    ssh = ["ssh", "-i", str(target.key_files[0]), *known, "-p", str(target.port), f"{target.user}@{target.address}"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "fifty.yml").write_text(playbook())
        (folder / "site.j2").write_text("listen {{ port }}\n")
        everybody = contestants(given.inventory, given.host, folder, ssh)
        table: dict[str, list[tuple[float, float, str]]] = {one.name: [] for one in everybody}
        for _ in range(given.runs):
            for one in everybody:
                table[one.name].append(measured(door, one))
    door.close()
    trees = {tree for runs in table.values() for _, _, tree in runs}
    if len(trees) != 1 or not next(iter(trees)).strip():
        raise SystemExit("the contestants did not leave the same tree")
    bound = [statistics.median(run[index] for run in table[everybody[0].name]) for index in (0, 1)]
    sys.stdout.write(f"{'fifty tasks, one host':34} {'first':>8} {'x bound':>8} {'again':>8} {'x bound':>8}\n")
    for name, runs in table.items():
        first, again = (statistics.median(run[index] for run in runs) for index in (0, 1))
        sys.stdout.write(f"{name:34} {first:7.2f}s {first / bound[0]:8.1f} {again:7.2f}s {again / bound[1]:8.1f}\n")


if __name__ == "__main__":
    main()
