"""The ways in which kernels are compiled, and how they come back from the disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from llvmlite import binding
from numba.core.caching import FunctionCache
from numba.core.runtime import _nrt_python  # type: ignore[attr-defined]

F = TypeVar("F", bound=Callable[..., object])

# Releases of numba whose machine code is known to need no more than `_publish_runtime` gives it:
# what the linker does not find ends the process.
_TRIED = (0, 68)


def kernel(function: F) -> F:
    """Compile to machine code at the first call, keep it on disk, run without the GIL.

    A kernel may not allocate; its caller owns all buffers. So numba's runtime, which counts
    references, is left out of its code.
    """
    return cast(F, _compiled(function, nogil=True, _nrt=False))


def inner_kernel(function: F) -> F:
    """The same for what one incident costs: inlined where it is called.

    A network is a dozen arrays, and numba counts each one's users, atomically, at every level of
    calls and for every slice: two thirds of an answer's time went there (1.17 against 0.40 us on
    one place asked again and again).
    """
    return cast(F, _compiled(function, nogil=True, forceinline=True, _nrt=False))


def holding_gil(function: F) -> F:
    """As `kernel`, but keep the GIL: for a call that is over before another thread could start.

    Giving it up and taking it back costs a tenth of such a call, and under load a wait of up to
    five milliseconds for a call of two microseconds.
    """
    return cast(F, _compiled(function, _nrt=False))


def entry(function: Callable[..., object], signature: str) -> Callable[..., Any]:
    """A kernel's machine code for arguments of these types, compiled or taken from the cache now.

    It is called without numba's look at what comes, which for eight numbers takes as long as a
    whole answer: 1.72 against 0.89 us on one place asked again and again.
    """
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return function
    return cast("Callable[..., Any]", cast("Any", function).compile(signature))


class _KernelCache(FunctionCache):
    """Machine code on disk, out of date when any module of the kernels has changed.

    Left alone, the cache of a kernel looks at the kernel's own file only, and goes on with the old
    code of a kernel that it calls from another file.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        self._cache_file._source_stamp = _STAMP

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load machine code without first making the compiler ready, as numba does.

        That takes 170 ms, and 220 more where SciPy is installed, whose linear algebra it imports.
        Nor is the code read that other kernels could inline, before one does: 3.5 of 6.5 ms each.
        """
        if numba.version_info[:2] != _TRIED:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        _publish_runtime()
        codegen = target_context.codegen()
        with self._guard_against_spurious_io_errors():
            found = self._cache_file.load(self._index_key(sig, codegen))  # type: ignore[no-untyped-call]
            if found is None:
                return None
            codegen.unserialize_library = partial(_library, codegen)
            codegen._engine._defined_symbols.add(found[1].llvm_cpython_wrapper_name)
            return self._impl.rebuild(target_context, found)


def _library(codegen: Any, kept: tuple[str, str, Any]) -> Any:
    """Machine code as kept on disk; what others would inline of it is parsed when they do."""
    name, kind, code = kept
    if kind != "object":
        return codegen._library_class._unserialize(codegen, kept)
    machine_code, bitcode = code
    library = codegen.create_library(name)
    library.enable_object_caching()
    library._set_compiled_object(machine_code)
    library._finalize_final_module()
    library._get_module_for_linking = cache(partial(binding.parse_bitcode, bitcode))
    return library


@cache
def _publish_runtime() -> None:
    """Tell the linker where numba's runtime is; the compiler would, but compile it anew as well."""
    for name, address in _nrt_python.c_helpers.items():
        binding.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


def _compiled(function: Callable[..., object], **options: Any) -> Any:
    dispatcher = numba.njit(**options)(function)
    if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        dispatcher._cache = _KernelCache(function)
        # Else numba looks through all that is installed for extensions of its compiler: 15 ms.
        dispatcher._compilation_chain_init_hook = lambda: None
    return dispatcher


def _stamp() -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of every file that machine code is made of."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("*.py")), here.parent / "answer.py", here.parent / "units.py"]
    return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)


_STAMP = _stamp()
