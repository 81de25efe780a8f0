"""The Fabric tasks of provision: fab --list."""

from provision.tasks import *  # noqa: F403
