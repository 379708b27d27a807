"""neural-tangents 0.6.5 on a current JAX.

The last release, of December 2023, from an archived repository. It requires TensorFlow, which
nothing used here needs, and does not import as it is, because JAX has moved or removed

- `Jaxpr`, `JaxprEqn`, `Literal`, `Var`, `Primitive` from `jax.core` to `jax.extend.core`;
- the module `jax.util` with `safe_map` and `safe_zip`;
- `jax.interpreters.ad.zeros_like_p`, a key of one of its tables;
- what its subpackage `experimental` builds on: an empty module stands in for it.

Seen to work on jax 0.10.2 with Python 3.11. All that is put on jax's modules is taken away again
after the import.
"""

import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from importlib import import_module
from types import ModuleType
from typing import Any
from unittest import mock

from jax import core
from jax.extend import core as extended
from jax.interpreters import ad

INSTALL = "pip install --no-deps neural-tangents==0.6.5 frozendict"
MOVED = ("Jaxpr", "JaxprEqn", "Literal", "Var", "Primitive")


def load() -> ModuleType:
    """The package `neural_tangents`.

    Raises:
        ImportError: it is not installed, with what to type.
    """
    if (loaded := sys.modules.get("neural_tangents")) is not None:
        return loaded
    util: Any = ModuleType("jax.util")
    util.safe_map, util.safe_zip = _safe_map, _safe_zip
    with ExitStack() as stack:
        for name in MOVED:
            there = getattr(extended, name)
            stack.enter_context(mock.patch.object(core, name, there, create=True))
        unused = extended.Primitive("zeros_like")
        stack.enter_context(mock.patch.object(ad, "zeros_like_p", unused, create=True))
        for module in (util, ModuleType("neural_tangents.experimental")):
            if module.__name__ not in sys.modules:
                sys.modules[module.__name__] = module
                stack.callback(sys.modules.pop, module.__name__)
        try:
            return import_module("neural_tangents")
        except ImportError as error:
            raise ImportError(f"{error}; for neural-tangents type: {INSTALL}") from error


def _safe_map(function: Callable[..., Any], *lists: Iterable[Any]) -> list[Any]:
    return [function(*items) for items in _safe_zip(*lists)]


def _safe_zip(*lists: Iterable[Any]) -> list[tuple[Any, ...]]:
    return list(zip(*lists, strict=True))
