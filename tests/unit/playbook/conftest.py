"""The oracle: ansible-core itself, asked the same questions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest


class Refused:
    """Stands for "this is an error", so that two errors are equal."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Refused)

    def __repr__(self) -> str:
        return "<refused>"

    __hash__ = None  # type: ignore[assignment]


REFUSED = Refused()


@pytest.fixture(scope="session")
def ansible() -> Any:
    """ansible-core's own modules, loaded once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ansible.plugins.loader import init_plugin_loader

        init_plugin_loader()
        import ansible.template

    return ansible


@pytest.fixture(scope="session")
def ansible_renders(ansible: Any) -> Callable[[Any, Mapping[str, Any]], Any]:
    """What ansible-core makes of a template; REFUSED when it fails."""
    from ansible.errors import AnsibleError
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar
    from jinja2 import TemplateError

    def render(value: Any, variables: Mapping[str, Any]) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return plain(Templar(DataLoader(), dict(variables)).template(value))
            except (AnsibleError, TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
                return REFUSED

    return render


@pytest.fixture(scope="session")
def ansible_holds(ansible: Any) -> Callable[[Any, Mapping[str, Any]], Any]:
    """Whether a condition holds for ansible-core."""
    from ansible.errors import AnsibleError
    from ansible.parsing.dataloader import DataLoader
    from ansible.playbook.conditional import Conditional
    from ansible.template import Templar
    from jinja2 import TemplateError

    class Oracle(Conditional):
        def __init__(self, when: list[Any]) -> None:
            self.when = when

    def holds(condition: Any, variables: Mapping[str, Any]) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return Oracle([condition]).evaluate_conditional(Templar(DataLoader(), dict(variables)), dict(variables))
            except (AnsibleError, TemplateError, TypeError, ValueError, ArithmeticError):
                return REFUSED

    return holds


def plain(value: Any) -> Any:
    """The value without ansible-core's marks on texts."""
    if isinstance(value, str):
        return value._strip_unsafe() if hasattr(value, "_strip_unsafe") else str(value)
    if isinstance(value, Mapping):
        return {plain(key): plain(element) for key, element in value.items()}
    if isinstance(value, tuple):
        return tuple(plain(element) for element in value)
    if isinstance(value, list):
        return [plain(element) for element in value]
    return value


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a file below the test's folder."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write
