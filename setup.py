"""What setup.cfg cannot say: the data folders of the checkout travel inside the package (`provision/playbooks` ...)."""

from setuptools import find_packages, setup

DATA = ("playbooks", "templates", "inventories")

setup(
    packages=[*find_packages(include=["provision", "provision.*"]), *(f"provision.{name}" for name in DATA)],
    package_dir={f"provision.{name}": name for name in DATA},
    package_data={"provision": ["py.typed"], **{f"provision.{name}": ["**/*"] for name in DATA}},
    include_package_data=False,
)
