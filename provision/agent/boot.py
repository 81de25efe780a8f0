"""How the agent gets to a target: its own sources in one compressed piece, imported there from memory.

On the controller `bootstrap()` gives the text for `python3 -u -c` and the bytes to write to its stdin. On the target
the same module lets an agent start another one (a background job), which outlives the connection.
"""

from __future__ import annotations

import json
import re
import sys
import zlib
from functools import lru_cache
from typing import Any, Dict, Tuple

BOOT = """import json, os, sys, zlib
from _frozen_importlib import ModuleSpec
def read(count):
    data = b''
    while len(data) < count:
        piece = os.read(0, count - len(data))
        if not piece: os._exit(0)
        data += piece
    return data
class ProvisionSources:
    payload = read(int.from_bytes(read(4), 'big'))
    sources = json.loads(zlib.decompress(payload))
    def find_spec(self, name, path=None, target=None):
        if name in self.sources:
            package = any(other.startswith(name + '.') for other in self.sources)
            return ModuleSpec(name, self, origin='<%s>' % name, is_package=package)
    def create_module(self, spec): return None
    def exec_module(self, module):
        name = module.__name__
        exec(compile(self.sources[name], '<%s>' % name, 'exec', dont_inherit=True), module.__dict__)
    def get_source(self, name): return self.sources.get(name)
if sys.version_info < (3, 8): sys.exit('provision needs Python 3.8 or newer here, this is ' + sys.version.split()[0])
sys.meta_path.insert(0, ProvisionSources())
from provision.agent.main import main
main(sys.argv[1:])"""


@lru_cache(maxsize=None)
def bootstrap() -> Tuple[str, bytes]:
    """The text after `python3 -u -c`, and what to write to its stdin before the first frame."""
    return BOOT, framed(_payload_in_memory() or compressed(sources()))


def framed(payload: bytes) -> bytes:
    """The payload with its length, as BOOT reads it."""
    return len(payload).to_bytes(4, "big") + payload


def compressed(modules: Dict[str, str]) -> bytes:
    """The sources as they travel."""
    return zlib.compress(json.dumps({name: _lean(source) for name, source in modules.items()}).encode(), 9)


def sources() -> Dict[str, str]:
    """Module name -> source of everything that may run on a target, read from where the package is installed."""
    from importlib import resources

    found: Dict[str, str] = {}
    for package in ("provision", "provision.agent", "provision.agent.modules"):
        for entry in resources.files(package).iterdir():  # type: ignore[attr-defined,unused-ignore]
            if entry.name == "__init__.py":
                found[package] = entry.read_text()
            elif entry.name.endswith(".py") and package != "provision" and entry.name != "known.py":
                found[package + "." + entry.name[:-3]] = entry.read_text()
    return found


_DOCSTRING = re.compile(r'(\A|:\n)( *)"""[\s\S]*?"""$', re.M)


def _lean(source: str) -> str:
    """Without docstrings and comments, which are a fifth of the bytes; lines keep their numbers."""
    lean = _DOCSTRING.sub(lambda match: match[1] + match[2] + '""' + "\n" * match[0][2:].count("\n"), source)
    return re.sub("^ *#.*$", "", lean, flags=re.M)


def _payload_in_memory() -> bytes:
    """What this process itself was started from, when it is an agent."""
    for finder in sys.meta_path:
        if type(finder).__name__ == "ProvisionSources":
            agent: Any = finder
            payload: bytes = agent.payload
            return payload
    return b""
