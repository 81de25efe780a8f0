"""The shipped playbooks, held to the rules that let Ansible, our engine and the next reader live with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from provision import shipped
from provision.playbook import read_playbook

PLAYBOOKS = shipped.folder("playbooks")
BOOKS = sorted(PLAYBOOKS.glob("*.yml"))
TASK_FILES = sorted([*PLAYBOOKS.glob("roles/*/tasks/*.yml"), *PLAYBOOKS.glob("roles/*/handlers/*.yml")])
ROLES = sorted(path.name for path in (PLAYBOOKS / "roles").iterdir())

MODULES = {
    "apt apt_repository assert async_status blockinfile command copy debug fail fetch file get_url git group "
    "lineinfile "
    "pip reboot service set_fact setup shell slurp stat systemd template unarchive uri user wait_for import_tasks "
    "include_tasks"
}
KNOWN = {f"ansible.builtin.{name}" for names in MODULES for name in names.split()}
KEYWORDS = {
    "async", "become", "block", "changed_when", "check_mode", "delay", "diff", "environment", "failed_when", "loop",
    "loop_control", "name", "no_log", "notify", "poll", "register", "rescue", "retries", "until", "vars", "when",
}  # fmt: skip


def flat(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from flat(task.get(part, []))


def all_tasks() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in TASK_FILES:
        for task in flat(yaml.safe_load(path.read_text())):
            yield path, task


TASKS = list(all_tasks())
IDS = [f"{path.parts[-3]}-{task.get('name')}" for path, task in TASKS]
each_task = pytest.mark.parametrize(("path", "task"), TASKS, ids=IDS)


def action_of(task: dict[str, Any]) -> str:
    return next((key for key in task if key.startswith("ansible.")), "")


@pytest.mark.parametrize("book", BOOKS, ids=lambda path: path.name)
def test_our_reader_reads_the_playbook(book: Path) -> None:
    plays = read_playbook(book)
    assert plays and all(play.tasks for play in plays)


@each_task
def test_a_task_is_made_of_known_words(path: Path, task: dict[str, Any]) -> None:
    action = action_of(task)
    assert action in KNOWN or "block" in task
    assert set(task) - {action} <= KEYWORDS


@each_task
def test_a_task_says_what_it_is_for(path: Path, task: dict[str, Any]) -> None:
    assert re.match(r"[A-Z]", task.get("name", "")), f"{path}: a task without a name"
    assert not task["name"].endswith(".")


@each_task
def test_a_command_says_when_it_changes_something(path: Path, task: dict[str, Any]) -> None:
    action = action_of(task)
    if action not in ("ansible.builtin.command", "ansible.builtin.shell"):
        return
    said = task[action]
    assert "changed_when" in task or "creates" in said, f"{task['name']} would always count as changed"


@each_task
def test_a_mode_is_a_text_because_numbers_are_read_in_two_ways(path: Path, task: dict[str, Any]) -> None:
    said = task.get(action_of(task))
    modes = [said.get("mode")] if isinstance(said, dict) else []
    modes += [item.get("mode") for item in task.get("loop", []) if isinstance(item, dict)]
    assert all(mode is None or isinstance(mode, str) for mode in modes)


@each_task
def test_a_task_that_handles_the_key_shows_nothing(path: Path, task: dict[str, Any]) -> None:
    own = {key: value for key, value in task.items() if key not in ("block", "rescue", "always")}
    if "moshi_api_key" in re.findall(r"\w+", str(own)) or "tts.toml.j2" in str(own):
        assert task.get("no_log") is True


@each_task
def test_packages_wait_for_aptss_lock(path: Path, task: dict[str, Any]) -> None:
    if action_of(task) == "ansible.builtin.apt":
        assert "lock_timeout" in task["ansible.builtin.apt"]


@each_task
def test_a_handler_that_is_notified_exists(path: Path, task: dict[str, Any]) -> None:
    wanted = task.get("notify", [])
    handlers = {handler["name"] for file, handler in TASKS if "handlers" in file.parts}
    assert set([wanted] if isinstance(wanted, str) else wanted) <= handlers


@each_task
def test_a_condition_is_true_or_false_and_no_text(path: Path, task: dict[str, Any]) -> None:
    """Newer Ansibles refuse `when: name | default('')`."""
    conditions = task.get("when", [])
    for condition in conditions if isinstance(conditions, list) else [conditions]:
        last = re.split(r"\b(?:and|or)\b", str(condition))[-1].strip()
        assert " in " in last or not re.search(r"\.stdout$|default\(''\)$", last), condition


@pytest.mark.parametrize("role", ROLES)
def test_every_default_is_used_somewhere(role: str) -> None:
    path = PLAYBOOKS / "roles" / role / "defaults" / "main.yml"
    text = "\n".join(
        file.read_text()
        for folder in (PLAYBOOKS, shipped.folder("templates"))
        for file in folder.rglob("*")
        if file.suffix in (".yml", ".j2")
    )
    for name in yaml.safe_load(path.read_text()) if path.exists() else {}:
        uses = re.findall(rf"\b{name}\b(?!:)", text)
        assert uses, f"{role}: nothing reads {name}"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_begins_with_what_it_is_for(role: str) -> None:
    path = PLAYBOOKS / "roles" / role / "tasks" / "main.yml"
    path = path if path.exists() else PLAYBOOKS / "roles" / role / "defaults" / "main.yml"
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize("role", [role for role in ROLES if role not in ("moshi_settings",)])
def test_every_role_is_in_a_playbook(role: str) -> None:
    assert any(re.search(rf"\b{role}\b", book.read_text()) for book in BOOKS)


def test_the_settings_come_first_wherever_a_moshi_role_runs() -> None:
    for book in BOOKS:
        for play in yaml.safe_load(book.read_text()):
            roles = [role if isinstance(role, str) else role["role"] for role in play["roles"]]
            ours = [role for role in roles if role.startswith("moshi_")]
            assert not ours or roles[0] == "moshi_settings", f"{book.name}: {play['name']}"


def test_the_compile_starts_before_the_downloads_and_is_awaited_after_them() -> None:
    play = yaml.safe_load((PLAYBOOKS / "deploy-native.yml").read_text())[0]
    roles = [role["role"] for role in play["roles"]]
    assert roles.index("moshi_build") < roles.index("moshi_python") < roles.index("moshi_install")


def test_versions_in_code_and_playbooks_are_the_same() -> None:
    from provision.deploy.job import PATH, VERSION

    settings = yaml.safe_load((PLAYBOOKS / "roles/moshi_settings/defaults/main.yml").read_text())
    assert (settings["moshi_version"], settings["moshi_path"]) == (VERSION, PATH)


def test_the_checksums_of_nvidias_keys_are_there_for_every_system() -> None:
    said = yaml.safe_load((PLAYBOOKS / "roles/nvidia_driver/vars/main.yml").read_text())
    assert set(said["nvidia_repositories"]) == {"Ubuntu 22.04", "Ubuntu 24.04", "Debian 12"}
    for system in said["nvidia_repositories"].values():
        assert re.fullmatch(r"[0-9a-f]{64}", system["keyring_sha256"])


def test_every_gpu_of_the_table_is_an_id_with_a_capability() -> None:
    known = yaml.safe_load((PLAYBOOKS / "roles/gpu_facts/vars/main.yml").read_text())["gpu_known"]
    assert {"L4", "A100-40", "H100"} <= {gpu["model"] for gpu in known.values()}
    for device, gpu in known.items():
        assert re.fullmatch(r"0x[0-9a-f]{4}", device)
        assert re.fullmatch(r"\d+\.\d", gpu["compute_cap"])


def test_the_real_voices_environment_is_pinned_to_the_last_package() -> None:
    text = (PLAYBOOKS / "roles/moshi_python/files/requirements-kyutai.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^ ]+", line) for line in lines)
    assert {"moshi", "torch", "xformers", "julius", "numpy", "huggingface-hub"} <= {
        line.split("==")[0] for line in lines
    }


def test_the_tone_voice_has_numpy_in_the_real_voices_version() -> None:
    files = PLAYBOOKS / "roles/moshi_python/files"
    tone = [line for line in (files / "requirements-tone.txt").read_text().splitlines() if line[0] != "#"]
    assert set(tone) <= set((files / "requirements-kyutai.txt").read_text().splitlines())


def test_the_example_inventory_puts_its_hosts_where_the_playbook_looks() -> None:
    from provision.inventory import load

    inventory = load([str(shipped.folder("inventories") / "example.yml")])
    assert {host.name for host in inventory.select("tts")} == set(inventory.hosts)
