"""What the operator asks for, and the plan that it comes to once the cloud has been asked what there is."""

from __future__ import annotations

from dataclasses import dataclass

from provision.gce import catalogue, firewall, images
from provision.gce.firewall import Rule
from provision.gce.instance import VmRequest, check_name, read_duration
from provision.machines.clouds import Kind, Place
from provision.machines.keys import KeyPair
from provision.settings import Settings

LIFE_ON_GOOGLE = "24h"


@dataclass(frozen=True)
class Wish:
    """One machine as asked for; empty means: choose for me."""

    name: str
    zone: str = "us-central1-a"
    gpu: str = ""
    machine_type: str = ""
    image: str = "debian-12"
    disk_gb: int = 0
    disk_type: str = ""
    network: str = "default"
    spot: bool = False
    max_run: str = ""
    max_run_action: str = "delete"
    allow: tuple[str, ...] = ()
    service_port: int = 8080
    user: str = "provision"


def wish_from(name: str, settings: Settings) -> Wish:
    """The wish that flags, environment and files describe."""
    return Wish(
        name=name,
        zone=settings["zone"],
        gpu=settings["gpu"],
        machine_type=settings["machine_type"],
        image=settings["image"],
        disk_gb=settings["disk_gb"],
        disk_type=settings["disk_type"],
        network=settings["network"],
        spot=settings["spot"],
        max_run=settings["max_run"],
        max_run_action=settings["max_run_action"],
        allow=settings["allow"],
        service_port=settings["service_port"],
        user=settings["ssh_user"],
    )


@dataclass(frozen=True)
class Plan:
    """The machine and its rules, every name resolved. Nothing has been made yet."""

    request: VmRequest
    rules: tuple[Rule, ...]
    kind: Kind
    warnings: tuple[str, ...] = ()

    @property
    def price(self) -> str:
        """What an hour costs, as far as known: the cloud's API does not tell, and no price list is shipped."""
        return "free" if self.kind == "local" else "unknown: https://cloud.google.com/compute/all-pricing"

    @property
    def price_per_hour_usd(self) -> float | None:
        """The price for machines to read; None when not known."""
        return 0.0 if self.kind == "local" else None


def make_plan(place: Place, wish: Wish, keys: KeyPair) -> Plan:
    """Check the wish and complete it by asking the cloud; every name that is wrong is refused here."""
    check_name(wish.name)
    max_run_s = read_duration(wish.max_run or ("none" if place.kind == "local" else LIFE_ON_GOOGLE))
    given = firewall.check_ranges(wish.allow)
    catalogue.check_zone(place.cloud, wish.zone)
    shape = catalogue.choose(place.cloud, wish.zone, wish.machine_type, wish.gpu)
    image = images.resolve(place.cloud, wish.image)
    request = VmRequest(
        name=wish.name,
        zone=wish.zone,
        shape=shape,
        image=image,
        disk_gb=max(wish.disk_gb or (100 if shape.accelerator else 30), image.disk_gb),
        disk_type=wish.disk_type or shape.disk_type,
        public_key=keys.public,
        user=wish.user,
        network=wish.network,
        spot=wish.spot,
        max_run_s=max_run_s,
        max_run_action=wish.max_run_action,
    )
    ranges = given or (place.caller_range(),)
    rules = firewall.rules_for(
        wish.name, ranges, "given" if given else "caller", wish.service_port, wish.network, keys.public
    )
    return Plan(request, rules, place.kind, shape.warnings)
