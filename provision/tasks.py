"""Every step of a deploy as a Fabric task: for a fabfile (`from provision.tasks import *`) or `fab -H host cuda`.

A task runs the very role that `provision deploy` runs, by the same engine, over the connection it is given. It shows
what happens, returns the job's own results, and fails by invoke's `Exit` with our exit code.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import fabric
from invoke.exceptions import Exit

from provision import shipped
from provision.deploy import DeployOptions, deploy
from provision.engine.options import RunOptions
from provision.engine.run import run
from provision.errors import ProvisionError
from provision.inventory import load
from provision.model import Job, Problem
from provision.playbook import read_playbook
from provision.settings import folders
from provision.speech.endpoint import endpoint
from provision.ssh.door import Door
from provision.ssh.target import Target
from provision.verify import SpeechTarget, VerifyOptions, verify
from provision.verify.lookup import read_key
from provision.views.opening import open_view
from provision.views.tally import Tally
from provision.views.view import Look, Outcome

__all__ = [
    "base_packages",
    "cuda",
    "gxx",
    "moshi_docker",
    "moshi_native",
    "nvidia_driver",
    "rust",
    "systemd_unit",
    "ttfa",
]

Data = dict[str, Any]


def _task(body: Callable[..., Data]) -> Any:
    """A Fabric task of this function; fabric itself is not typed."""
    return fabric.task(body)


@_task
def base_packages(c: fabric.Connection) -> Data:
    """Compilers, headers and tools from the distribution."""
    return _role(c, "base.yml")


@_task
def nvidia_driver(c: fabric.Connection, branch: int = 0) -> Data:
    """The NVIDIA driver, where there is a GPU; boots the machine when it must."""
    return _role(c, "nvidia.yml", nvidia_driver_branch=branch)


@_task
def cuda(c: fabric.Connection, version: str = "") -> Data:
    """The CUDA toolkit, 12.1 unless the GPU wants a newer one."""
    return _role(c, "cuda.yml", cuda_version=version)


@_task
def gxx(c: fabric.Connection, version: int = 0) -> Data:
    """The g++ that CUDA accepts, beside the system's own."""
    return _role(c, "gxx.yml", gxx_version=version)


@_task
def rust(c: fabric.Connection, source: str = "") -> Data:
    """A cargo new enough: what is there, the distribution's, or rustup's."""
    return _role(c, "rust.yml", rust_from=source)


@_task
def moshi_native(c: fabric.Connection, voice_model: str = "", slots: int = 0, port: int = 0) -> Data:
    """All of `provision deploy HOST --native`."""
    options = DeployOptions(
        inventory=(f"{c.host},",),
        voice_model=voice_model,
        slots=slots or None,
        port=port or None,
        connect=_connecting(c),
    )
    return _shown("moshi_native", lambda: deploy(str(c.host), options))


@_task
def moshi_docker(c: fabric.Connection) -> Data:
    """All of `provision deploy HOST --docker`."""
    options = DeployOptions(inventory=(f"{c.host},",), docker=True, connect=_connecting(c))
    return _shown("moshi_docker", lambda: deploy(str(c.host), options))


@_task
def systemd_unit(c: fabric.Connection, voice_model: str = "", slots: int = 0, port: int = 0) -> Data:
    """Config and unit of a moshi-server that is installed; waits until it speaks."""
    key_file = str(folders().keys / f"{c.host}.key")
    chosen = {"moshi_voice_model": voice_model, "moshi_slots": slots, "moshi_port": port}
    return _role(c, "service.yml", moshi_api_key_file=key_file, **chosen)


@_task
def ttfa(c: fabric.Connection, runs: int = 20, port: int = 8080) -> Data:
    """Time to first audio of the host's speech server, measured from here."""
    key = read_key(folders().keys / f"{c.host}.key")
    target = SpeechTarget(str(c.host), endpoint(str(c.host), port).url, key)
    return _shown("ttfa", lambda: verify(target, VerifyOptions(runs=runs, load=False)))


def _role(c: fabric.Connection, playbook: str, **chosen: Any) -> Data:
    """The shipped playbook of one role on the connection's host; what is not chosen is left to the role."""
    wanted = {name: value for name, value in chosen.items() if value}
    options = RunOptions(extra_vars={"moshi_hosts": c.host, **wanted}, connect=_connecting(c))

    def job() -> Job:
        plays = read_playbook(shipped.folder("playbooks") / playbook)
        yield from run(plays, load([f"{c.host},"]), options)

    return _shown(playbook.removesuffix(".yml"), job)


def _connecting(c: fabric.Connection) -> Callable[[Target], Door]:
    """How to reach the host: over the connection that is there."""
    return lambda target: Door.around(c)


def _shown(name: str, job: Callable[[], Job]) -> Data:
    """Show the job as the command line would; its results, or invoke's Exit when it did not go well."""
    started, tally = time.monotonic(), Tally()
    watched = sys.stdout.isatty() and sys.stderr.isatty()
    view = open_view(Look("human" if watched else "plain", color=watched), name, sys.stdout, sys.stderr)
    problem, code = None, 0
    try:
        for event in job():
            tally.add(event)
            view.show(event)
    except ProvisionError as error:
        problem, code = Problem(error.what, error.why, error.hint), error.exit_code
    except BaseException:
        view.close()
        raise
    code = code or tally.exit_code
    view.end(Outcome(name, code, time.monotonic() - started, problem, tally.data, tally.hosts))
    if code:
        raise Exit(code=code)
    return dict(tally.data)
