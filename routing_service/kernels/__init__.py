"""Compiled kernels: arrays in, arrays out. The only package that knows numba.

Contract for all of them: indices are ``int32``, times are milliseconds and lengths centimetres
in ``int32``, ``INF_MS`` means "no route" or "closed", ``-1`` means "none". Buffers belong to the
caller; a kernel allocates nothing, raises nothing and answers trouble with a sentinel. None is
compiled with ``parallel=True``: callers run them from several threads at once (they release the
GIL), and numba's default threading layer aborts when it is entered that way.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from types import ModuleType


def _import_numba() -> None:
    """Import numba without what it asks for in passing: a fifth of the time that it takes.

    PyYAML would read a file of settings if there is one, and the metadata of packages tell of
    extensions of the compiler: they are imported when used. SciPy is asked for its release only;
    nothing of ours has linear algebra compiled, which would need it.
    """
    instead: Mapping[str, ModuleType | None] = {
        # Importing what is None in `sys.modules` fails as if it were not installed.
        "scipy": None,
        **{name: _when_used(name) for name in ("importlib.metadata", "yaml")},
    }
    absent = [name for name in instead if name not in sys.modules]
    sys.modules.update({name: instead[name] for name in absent})  # type: ignore[misc]
    try:
        import numba  # noqa: F401
    finally:
        for name in absent:
            if sys.modules[name] is instead[name]:
                del sys.modules[name]


def _when_used(name: str) -> ModuleType | None:
    """A stand-in that imports the module when it is asked for something; None if it is missing."""
    if importlib.util.find_spec(name) is None:
        return None
    module = ModuleType(name)

    def ask(what: str) -> object:
        if sys.modules.get(name) is module:
            del sys.modules[name]
        return getattr(importlib.import_module(name), what)

    module.__getattr__ = ask  # type: ignore[method-assign]
    return module


_import_numba()
