"""Compiled kernels: arrays in, arrays out. The only package that knows numba.

Contract for all of them: indices are ``int32``, times are milliseconds and lengths centimetres
in ``int32``, ``INF_MS`` means "no route" or "closed", ``-1`` means "none". Buffers belong to the
caller; a kernel allocates nothing, raises nothing and answers trouble with a sentinel. None is
compiled with ``parallel=True``: callers run them from several threads at once (they release the
GIL), and numba's default threading layer aborts when it is entered that way.
"""

from __future__ import annotations

import sys
from pathlib import Path


def _import_numba() -> None:
    """Import numba without what it asks for in passing where that is installed.

    SciPy for its release, PyYAML for a file of settings: 40 ms of 290 (ratio of medians 0.92).
    Nothing of ours has linear algebra compiled, which would need the first.
    """
    asked = ["scipy"] if Path(".numba_config.yaml").exists() else ["scipy", "yaml"]
    asked = [name for name in asked if name not in sys.modules]
    # Importing what is None here fails as if it were not installed.
    sys.modules.update(dict.fromkeys(asked))  # type: ignore[arg-type]
    try:
        import numba  # noqa: F401
    finally:
        for name in asked:
            del sys.modules[name]


_import_numba()
