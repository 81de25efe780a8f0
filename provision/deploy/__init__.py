"""Deploys the speech server on a host: options to variables, the shipped playbook, the story told as events."""

from provision.deploy.ansible import ansible_command
from provision.deploy.job import Plan, deploy, plan
from provision.deploy.options import DeployOptions

__all__ = ["DeployOptions", "Plan", "ansible_command", "deploy", "plan"]
