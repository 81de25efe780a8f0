"""Ansible playbooks: read into values with file:line, checked before a host is touched, their templates rendered."""

from provision.playbook.problems import PlaybookErrors
from provision.playbook.reader import read_playbook, read_role, read_role_tasks, read_tasks

__all__ = ["PlaybookErrors", "read_playbook", "read_role", "read_role_tasks", "read_tasks"]
