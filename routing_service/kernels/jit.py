"""The two ways in which kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import config, njit

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile to machine code at the first call, keep it on disk, run without the GIL."""
    return cast(F, _compiled(function, nogil=True))


def inner_kernel(function: F) -> F:
    """The same for what one incident costs: no reference counts, inlined where it is called.

    A network is a dozen arrays, and numba counts each one's users, atomically, at every level of
    calls and for every slice: two thirds of an answer's time went there (1.17 against 0.40 us on
    one place asked again and again). Without the runtime that counts, such a kernel may not
    allocate; its caller owns all buffers.
    """
    return cast(F, _compiled(function, nogil=True, forceinline=True, _nrt=False))


def holding_gil(function: F) -> F:
    """As `kernel`, but keep the GIL: for a call that is over before another thread could start.

    Giving it up and taking it back costs a tenth of such a call, and under load a wait of up to
    five milliseconds for a call of two microseconds.
    """
    return cast(F, _compiled(function))


def entry(function: Callable[..., object], signature: str) -> Callable[..., Any]:
    """A kernel's machine code for arguments of these types, compiled or taken from the cache now.

    It is called without numba's look at what comes, which for eight numbers takes as long as a
    whole answer: 1.72 against 0.89 us on one place asked again and again.
    """
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return function
    return cast("Callable[..., Any]", cast("Any", function).compile(signature))


def _compiled(function: Callable[..., object], **options: Any) -> Any:
    """Compile, with a cache that is out of date when any module of the kernels has changed.

    Left alone, the cache of a kernel looks at the kernel's own file only, and goes on with the old
    code of a kernel that it calls from another file.
    """
    dispatcher = njit(cache=True, **options)(function)
    file = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if file is not None:
        file._source_stamp = _STAMP
    return dispatcher


def _stamp() -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of every file that machine code is made of."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("*.py")), here.parent / "answer.py", here.parent / "units.py"]
    return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)


_STAMP = _stamp()
