"""The deploy of one host: the shipped playbook, run by our engine, told as events."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from provision import shipped
from provision.deploy import cargo, faults, keys
from provision.deploy.options import DeployOptions, chosen, refuse_nonsense, variables
from provision.deploy.story import Story
from provision.engine.options import RunOptions
from provision.engine.run import run
from provision.errors import ProvisionError, UsageProblem
from provision.inventory import Host, Inventory, load
from provision.inventory.book import MachineEntry, remember
from provision.model import Event, Job, Note, Output, Progress, Result, Step, Summary
from provision.playbook import read_playbook
from provision.playbook.templating import Templar

VERSION = "0.6.4"
PORT = 8080
PATH = "/api/tts_streaming"
NO_KEY_YET = "made-by-the-first-deploy"


@dataclass(frozen=True)
class Plan:
    """A deploy made ready: one host, the playbook, and all the variables that are not left to defaults."""

    host: Host
    inventory: Inventory
    playbook: Path
    variables: Mapping[str, Any]

    def variable(self, name: str, default: Any) -> Any:
        """What holds for the host: ours, the inventory's with its templates rendered, or the roles' default."""
        known = {**self.host.vars, **self.variables, "inventory_hostname": self.host.name}
        return Templar(known).variable(name) if name in known else default

    @property
    def key_file(self) -> Path:
        """Where the host's API key lies on this machine."""
        return Path(str(self.variable("moshi_api_key_file", ""))).expanduser()


def plan(name: str, options: DeployOptions) -> Plan:
    """What a deploy of this host would run; nothing is touched."""
    refuse_nonsense(options)
    playbook = shipped.folder("playbooks") / "deploy-native.yml"
    inventory = load(options.inventory)
    host = inventory.host(name)
    if host is None:
        raise _unknown(name, inventory)
    return Plan(host, inventory, playbook, variables(name, options, host.vars))


def deploy(host: str, options: DeployOptions) -> Job:
    """Install moshi-server on a host and start it; ends when it has spoken. A repeat changes nothing."""
    return _deploy(plan(host, options), options)


def _deploy(ready: Plan, options: DeployOptions) -> Job:
    plays = read_playbook(ready.playbook)
    extra = dict(ready.variables)
    if not options.check:
        keys.ensure_key(ready.key_file)
    elif not ready.key_file.exists():
        # Ansible's password lookup would make the file, also in a dry run.
        extra.setdefault("moshi_api_key", NO_KEY_YET)
    run_options = RunOptions(
        check=options.check, diff=options.diff, limit=ready.host.name, extra_vars=extra, connect=options.connect
    )
    story, last = Story(), Progress("", "", -1, 0, "")
    for event in run(plays, ready.inventory, run_options):
        shown = _told(event, story)
        story = story.after(shown)
        # cargo redraws its bar many times for one crate.
        if not isinstance(shown, Progress) or (shown.done, shown.total) != (last.done, last.total):
            yield shown
        last = shown if isinstance(shown, Progress) else last
    if story.failed:
        return
    if not story.complete:
        raise _cut_short(ready.host.name)
    yield from _end(ready, story, options)


def _told(event: Event, story: Story) -> Event:
    if isinstance(event, Output):
        return cargo.as_progress(event)
    if isinstance(event, Step):
        return replace(event, expected_s=event.expected_s or story.expected_s(event))
    if isinstance(event, Result):
        return faults.explained(event)
    return event


def _end(ready: Plan, story: Story, options: DeployOptions) -> Job:
    yield Summary(summary(ready, story))
    name = ready.host.name
    if options.check:
        yield Note(f"dry run: {story.changed} steps would change {name}", next_command("deploy", ready, options))
        return
    remember_choice(ready, options)
    told = f"{name} speaks" if story.changed else f"nothing had to change on {name}"
    yield Note(told, next_command("verify", ready, options))


def remember_choice(ready: Plan, options: DeployOptions) -> None:
    """Write what was chosen into the tool's own inventory, so that a deploy without options does not take it back."""
    wanted = chosen(options)
    ours = str(options.folders.inventory) in options.inventory and ready.host.name in ready.inventory.hosts
    if ours and any(ready.host.own.get(name) != value for name, value in wanted.items()):
        remember(options.folders.inventory, MachineEntry(ready.host.name, {**ready.host.own, **wanted}))


def next_command(verb: str, ready: Plan, options: DeployOptions) -> str:
    """A command about the same host, with what it cannot find out by itself."""
    words = ["provision", verb, ready.host.name]
    if options.inventory != (str(options.folders.inventory),):
        words += [word for source in options.inventory for word in ("-i", source)]
    if verb == "verify" and "moshi_api_key_file" not in ready.host.vars:
        words += ["--key-file", str(ready.key_file)]
    return shlex.join(words)


def summary(ready: Plan, story: Story) -> dict[str, Any]:
    """The results of a deploy, for machines."""
    address = str(ready.variable("ansible_host", ready.host.name))
    port = int(ready.variable("moshi_port", ready.variable("provision_service_port", PORT)))
    return {
        "host": ready.host.name,
        "address": address,
        "port": port,
        "url": f"ws://{address}:{port}{ready.variable('moshi_path', PATH)}",
        "key_file": str(ready.key_file),
        "voice_model": ready.variable("moshi_voice_model", "auto"),
        "changed": story.changed,
        "binary": {
            "version": str(ready.variable("moshi_version", VERSION)),
            "name": str(story.facts.get("moshi_artifact", "")).strip(),
            "source": story.source,
        },
    }


def _cut_short(name: str) -> ProvisionError:
    """Absence of a result is failure: no task failed, but the last one was never heard of."""
    return ProvisionError(
        f"the deploy of {name} did not run to its end",
        "the run stopped before the server was heard to speak",
        f"provision deploy {name} --native goes on where it is needed",
    )


def _unknown(name: str, inventory: Inventory) -> UsageProblem:
    near = get_close_matches(name, list(inventory.hosts), n=1)
    listed = ", ".join(sorted(inventory.hosts)) or "none"
    return UsageProblem(
        f"there is no host {name} in the inventory",
        f"it has {listed}" + (f"; did you mean {near[0]}?" if near else ""),
        f"provision deploy {near[0]} --native" if near else f"provision create-vm {name}",
    )
