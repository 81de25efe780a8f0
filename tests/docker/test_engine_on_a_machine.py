"""The engine on a real machine: what Ansible does there we do, and bad luck is told, never swallowed."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.engine.options import RunOptions
from provision.engine.run import run
from provision.errors import Unreachable
from provision.inventory import load
from provision.model import Event, Output, Result
from provision.playbook import read_playbook
from provision.settings import Folders
from provision.ssh.door import connect
from provision.ssh.target import target_from
from tests.lab import Lab, machine, needs_docker

pytestmark = [pytest.mark.docker, needs_docker, pytest.mark.timeout(600)]

SERVER_INSTALL = """
- hosts: all
  become: true
  vars: {top: TOP, port: 8080, names: [a, b, c]}
  handlers:
    - {name: reload, copy: {content: 'reloaded', dest: '{{ top }}/reloaded'}}
  tasks:
    - {file: {path: '{{ top }}', state: directory, mode: '0755'}}
    - {file: {path: '{{ top }}/d{{ item }}', state: directory, mode: '0750'}, loop: '{{ names }}'}
    - {copy: {content: "port={{ port }}\\n", dest: '{{ top }}/conf', mode: '0640'}, notify: reload}
    - {template: {src: site.j2, dest: '{{ top }}/site', owner: nobody, group: games, mode: 'u=rw,g=r'}, notify: reload}
    - {lineinfile: {path: '{{ top }}/conf', line: 'debug=no', regexp: '^debug='}}
    - {blockinfile: {path: '{{ top }}/conf', block: "one\\ntwo", marker: '# {mark} ours'}}
    - {command: {cmd: 'touch {{ top }}/made', creates: '{{ top }}/made'}}
    - {shell: 'echo $((6 * 7))', register: sum, changed_when: false}
    - {copy: {content: '{{ sum.stdout }}', dest: '{{ top }}/sum'}}
    - {stat: {path: '{{ top }}/none'}, register: none}
    - {command: 'touch {{ top }}/never', when: none.stat.exists}
    - {file: {src: conf, dest: '{{ top }}/link', state: link}}
    - {copy: {src: tree/, dest: '{{ top }}/tree'}}
    - {assert: {that: [sum.stdout == '42', ansible_os_family == 'Debian']}}
    - block: [{command: 'false'}]
      rescue: [{copy: {content: rescued, dest: '{{ top }}/rescued'}}]
      always: [{file: {path: '{{ top }}/always', state: touch, access_time: preserve, modification_time: preserve}}]
"""

LISTING = "cd {top} && find . -printf '%p %y %m %u %g %l\\n' | sort && find . -type f | sort | xargs sha256sum"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    place = tmp_path_factory.mktemp("engine")
    with machine("web-1", Folders(place / "state", place / "cache", place / "config")) as made:
        yield made


def play(lab: Lab, path: Path, **options: Any) -> list[Event]:
    return list(run(read_playbook(path), load([lab.inventory]), RunOptions(**options)))


def tasks(lab: Lab, folder: Path, *lines: str, **options: Any) -> list[Result]:
    path = folder / "tasks.yml"
    body = "".join(f"    - {line}\n" for line in lines)
    path.write_text(f"- hosts: all\n  become: true\n  gather_facts: false\n  tasks:\n{body}")
    return of_tasks(play(lab, path, **options))


def of_tasks(events: list[Event]) -> list[Result]:
    return [event for event in events if isinstance(event, Result) and event.kind != "item"]


def recap(events: list[Event]) -> dict[str, int]:
    found = of_tasks(events)
    return {
        "ok": sum(r.status in ("ok", "changed") for r in found),
        "changed": sum(r.status == "changed" for r in found),
        "skipped": sum(r.status == "skipped" for r in found),
        "rescued": sum(r.rescued for r in found),
        "failed": sum(r.status == "failed" and not r.rescued and not r.ignored for r in found),
    }


def written(folder: Path, top: str) -> Path:
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "templates/site.j2").write_text("listen {{ port }}\n{% for n in names %}\nserver {{ n }}\n{% endfor %}\n")
    (folder / "files/tree/sub").mkdir(parents=True, exist_ok=True)
    for number in range(20):
        (folder / f"files/tree/sub/f{number}").write_text(f"file {number}\n")
    path = folder / f"{Path(top).name}.yml"
    path.write_text(SERVER_INSTALL.replace("TOP", top))
    return path


def test_a_server_install_leaves_the_same_tree_as_ansible_and_counts_the_same(lab: Lab, tmp_path: Path) -> None:
    ours, theirs = written(tmp_path, "/srv/ours"), written(tmp_path, "/srv/theirs")
    for again in (False, True):
        told, oracle = recap(play(lab, ours)), lab.ansible(str(theirs))
        assert told == {word: oracle.count(word) for word in told}, (again, oracle.text)
        assert lab.out(LISTING.format(top="/srv/ours")) == lab.out(LISTING.format(top="/srv/theirs"))


def test_a_dry_run_says_what_it_would_change_and_changes_nothing(lab: Lab, tmp_path: Path) -> None:
    found = tasks(lab, tmp_path, "{copy: {content: x, dest: /srv/dry}}", check=True, diff=True)
    assert found[0].status == "changed" and found[0].diffs[0].after == "x"
    assert lab.run("test -e /srv/dry").exit_code == 1


def test_output_is_live(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "slow.yml"
    path.write_text(
        "- {hosts: all, gather_facts: false, tasks: [{shell: 'for i in 1 2 3; do echo $i; sleep 0.5; done'}]}"
    )
    arrived = []
    for event in run(read_playbook(path), load([lab.inventory]), RunOptions()):
        if isinstance(event, Output):
            arrived.append((event.text, time.monotonic()))
    assert [text for text, _ in arrived] == ["1", "2", "3"]
    assert arrived[2][1] - arrived[0][1] > 0.7


def test_an_async_job_goes_on_beside_other_tasks(lab: Lab, tmp_path: Path) -> None:
    found = tasks(
        lab,
        tmp_path,
        "{shell: 'sleep 2; echo made > /srv/slow', async: 60, poll: 0, register: job}",
        "{command: 'test ! -e /srv/slow', changed_when: false}",
        "{async_status: {jid: '{{ job.ansible_job_id }}'}, register: r, until: r.finished, retries: 30, delay: 0.3}",
        "{command: cat /srv/slow}",
    )
    assert [r.status for r in found] == ["changed", "ok", "changed", "changed"]


def test_a_full_disk_is_told_and_leaves_no_half_file(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 3_000_000)
    lab.out("mkdir -p /srv/small && mount -t tmpfs -o size=1m tmpfs /srv/small")
    try:
        found = tasks(lab, tmp_path, f"{{copy: {{src: {tmp_path / 'big'}, dest: /srv/small/big}}}}")
        assert found[0].status == "failed"
        assert found[0].problem is not None and "No space left" in found[0].problem.why
        assert lab.out("ls -A /srv/small") == ""
    finally:
        lab.out("umount /srv/small")


def test_a_flood_of_output_does_not_break_the_wire(lab: Lab, tmp_path: Path) -> None:
    found = tasks(lab, tmp_path, "{shell: 'yes | head -c 30000000', changed_when: false}", "{command: echo after}")
    assert [r.status for r in found] == ["ok", "changed"]


def test_a_task_that_reads_stdin_gets_nothing_and_does_not_hang(lab: Lab, tmp_path: Path) -> None:
    assert tasks(lab, tmp_path, "{command: cat, changed_when: false}")[0].data["stdout"] == ""


def test_a_failing_command_shows_its_last_lines(lab: Lab, tmp_path: Path) -> None:
    problem = tasks(lab, tmp_path, "{shell: 'seq 100 >&2; exit 3'}")[0].problem
    assert problem is not None
    assert "exit code 3" in problem.what and problem.why.endswith("100")


def test_the_connection_cut_in_the_middle_is_unreachable_and_ends_what_ran(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "cut.yml"
    path.write_text("- {hosts: all, gather_facts: false, tasks: [{command: sleep 77}, {command: touch /tmp/never}]}")
    cut = threading.Timer(2, lambda: lab.run("pkill -KILL -u provision -f 'sshd: provision@notty'"))
    cut.start()
    found = of_tasks(play(lab, path))
    assert [r.status for r in found] == ["unreachable"]
    lab.eventually("pgrep -cx sleep || true", "0")
    assert lab.run("test -e /tmp/never").exit_code == 1


def test_an_interrupted_run_ends_what_it_started_there(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "interrupted.yml"
    path.write_text("- {hosts: all, gather_facts: false, tasks: [{shell: 'echo begun; sleep 88'}]}")
    job = run(read_playbook(path), load([lab.inventory]), RunOptions())
    for event in job:
        if isinstance(event, Output):
            break
    job.close()  # type: ignore[attr-defined]
    lab.eventually("pgrep -cx sleep || true", "0")


def test_nothing_is_written_to_the_target_by_the_agent_itself(lab: Lab, tmp_path: Path) -> None:
    before = lab.out("find / -xdev -newer /proc/1/cmdline -path '*provision*' -name '*.py*' 2>/dev/null | wc -l")
    tasks(lab, tmp_path, "{command: 'true'}")
    assert before == "0"
    assert lab.out("find / -xdev -path '*provision/agent*' | wc -l") == "0"


def test_refused_sudo_says_what_to_allow(lab: Lab, tmp_path: Path) -> None:
    lab.out("printf 'Defaults!/usr/bin/python3 !authenticate\\n' > /dev/null; useradd -m plain || true")
    lab.out("install -d -o plain /home/plain/.ssh && cp /home/provision/.ssh/authorized_keys /home/plain/.ssh/")
    lab.out("chown plain /home/plain/.ssh/authorized_keys")
    found = tasks(lab, tmp_path, "{command: id}", extra_vars={"ansible_user": "plain"})
    assert found[0].status == "unreachable"
    assert found[0].problem is not None and found[0].problem.what == "sudo is refused on web-1"


def test_a_target_without_python_says_how_to_get_it(lab: Lab, tmp_path: Path) -> None:
    found = tasks(lab, tmp_path, "{command: id}", extra_vars={"ansible_python_interpreter": "/usr/bin/python9"})
    assert found[0].status == "unreachable"
    assert found[0].problem is not None and "no python3" in found[0].problem.what


def test_a_changed_host_key_is_refused_before_anything_is_sent(lab: Lab, tmp_path: Path) -> None:
    key = subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "k")], check=True, capture_output=True
    )
    assert key.returncode == 0
    kind, blob, *_ = (tmp_path / "k.pub").read_text().split()
    (tmp_path / "known").write_text(f"other {kind} {blob}\n")
    options = f"-o UserKnownHostsFile={tmp_path / 'known'} -o HostKeyAlias=other"
    with pytest.raises(Unreachable, match="has changed"):
        connect(target_from("web-1", {**lab.host.vars, "ansible_ssh_common_args": options}))


def test_a_reboot_in_the_middle_of_a_play(lab: Lab, tmp_path: Path) -> None:
    found = tasks(
        lab, tmp_path, "{command: touch /run/gone}", "{reboot: {reboot_timeout: 90}}", "{stat: {path: /run/gone}}"
    )
    assert [r.status for r in found] == ["changed", "changed", "ok"]
    assert found[2].data["stat"]["exists"] is False


def test_this_machine_is_a_host_too(tmp_path: Path) -> None:
    path = tmp_path / "local.yml"
    path.write_text(
        "- hosts: localhost\n  gather_facts: false\n  tasks:\n"
        f"    - copy: {{content: here, dest: {tmp_path}/made}}\n    - command: cat {tmp_path}/made\n"
    )
    found = of_tasks(
        list(run(read_playbook(path), load(["localhost,"]), RunOptions(extra_vars={"ansible_connection": "local"})))
    )
    assert found[1].data["stdout"] == "here"
