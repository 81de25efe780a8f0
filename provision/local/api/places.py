"""What is built in: zones, regions, machine types, accelerator types, images, networks and the project."""

from __future__ import annotations

from provision.local import catalogue, quotas
from provision.local.answers import API, PROJECT, invalid, link, not_found
from provision.local.api.call import Call, Document


def project(call: Call) -> Document:
    with call.cloud.store.read() as transaction:
        everything = [body for _, body in transaction.all("instances")]
    return catalogue.project_document(catalogue.quota_documents(quotas.GLOBAL, quotas.use(everything)))


def zone(call: Call) -> Document:
    return catalogue.zone_document(known_zone(call))


def zones(call: Call) -> Document:
    return call.list_of("zoneList", link("zones"), [catalogue.zone_document(name) for name in catalogue.zones()])


def region(call: Call) -> Document:
    return _region(call, _known_region(call))


def regions(call: Call) -> Document:
    return call.list_of("regionList", link("regions"), [_region(call, name) for name in catalogue.regions()])


def machine_type(call: Call) -> Document:
    place, name = known_zone(call), call.path["name"]
    for shape in catalogue.shapes_in(place):
        if shape.name == name:
            return catalogue.machine_type_document(shape, place)
    raise not_found(f"projects/{PROJECT}/zones/{place}/machineTypes/{name}")


def machine_types(call: Call) -> Document:
    place = known_zone(call)
    return call.list_of("machineTypeList", link(f"zones/{place}/machineTypes"), _machine_types(place))


def all_machine_types(call: Call) -> Document:
    scopes = {f"zones/{place}": _machine_types(place) for place in catalogue.zones()}
    return call.aggregated("machineTypeAggregatedList", link("aggregated/machineTypes"), "machineTypes", scopes)


def _machine_types(place: str) -> list[Document]:
    return [catalogue.machine_type_document(shape, place) for shape in catalogue.shapes_in(place)]


def accelerator_type(call: Call) -> Document:
    place, name = known_zone(call), call.path["name"]
    for accelerator in catalogue.accelerators_in(place):
        if accelerator.name == name:
            return catalogue.accelerator_document(accelerator, place)
    raise not_found(f"projects/{PROJECT}/zones/{place}/acceleratorTypes/{name}")


def accelerator_types(call: Call) -> Document:
    place = known_zone(call)
    return call.list_of("acceleratorTypeList", link(f"zones/{place}/acceleratorTypes"), _accelerators(place))


def all_accelerator_types(call: Call) -> Document:
    scopes = {f"zones/{place}": _accelerators(place) for place in catalogue.zones()}
    return call.aggregated(
        "acceleratorTypeAggregatedList", link("aggregated/acceleratorTypes"), "acceleratorTypes", scopes
    )


def _accelerators(place: str) -> list[Document]:
    return [catalogue.accelerator_document(accelerator, place) for accelerator in catalogue.accelerators_in(place)]


def image(call: Call) -> Document:
    owner, name = call.path["project"], call.path["name"]
    found = catalogue.image_of(owner, name)
    if found is None:
        raise not_found(f"projects/{owner}/global/images/{name}")
    return catalogue.image_document(found)


def image_of_family(call: Call) -> Document:
    return catalogue.image_document(_family(call))


def image_family_view(call: Call) -> Document:
    return {"image": catalogue.image_document(_family(call))}


def _family(call: Call) -> catalogue.Image:
    owner, name = call.path["project"], call.path["name"]
    found = catalogue.image_of_family(owner, name)
    if found is None:
        raise not_found(f"projects/{owner}/global/images/family/{name}")
    return found


def images(call: Call) -> Document:
    owner = call.path["project"]
    documents = [catalogue.image_document(item) for item in catalogue.IMAGES if item.project == owner]
    return call.list_of("imageList", f"{API}projects/{owner}/global/images", documents)


def network(call: Call) -> Document:
    if call.path["name"] != catalogue.NETWORK:
        raise not_found(f"projects/{PROJECT}/global/networks/{call.path['name']}")
    return catalogue.network_document()


def networks(call: Call) -> Document:
    return call.list_of("networkList", link("global/networks"), [catalogue.network_document()])


def known_zone(call: Call) -> str:
    """The zone of the path, when there is such a zone."""
    name = call.path["zone"]
    if name not in catalogue.zones():
        raise invalid("zone", name, "Unknown zone.")
    return name


def _known_region(call: Call) -> str:
    name = call.path["region"]
    if name not in catalogue.regions():
        raise invalid("region", name, "Unknown region.")
    return name


def _region(call: Call, name: str) -> Document:
    with call.cloud.store.read() as transaction:
        here = [body for zone, body in transaction.all("instances") if catalogue.region_of(zone) == name]
    return catalogue.region_document(name, catalogue.quota_documents(quotas.REGION, quotas.use(here)))
