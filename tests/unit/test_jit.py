"""How kernels come back from the disk: in another process, without the compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

PROGRAM = """
import sys
import numpy as np
from routing_service.kernels import jit, metric
jit._TRIED = eval(sys.argv[1])
east, north = metric.each_metres_per_e7(np.array([0.0, 535_000_000.0]))
hits = sum(metric._fill_metres_per_e7._cache_hits.values())
print(east.tolist(), north.tolist(), hits, "numba.np.linalg" in sys.modules, sep=";")
"""


def run(cache: Path, tried: str) -> list[str]:
    command = [sys.executable, "-c", PROGRAM, tried]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "NUMBA_DISABLE_JIT": "0"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip().split(";")


def test_a_kernel_on_disk_needs_no_compiler(tmp_path: Path) -> None:
    *compiled, hits, compiler = run(tmp_path, "jit._TRIED")
    assert (hits, compiler) == ("0", "True")
    assert run(tmp_path, "jit._TRIED") == [*compiled, "1", "False"]


def test_another_release_of_numba_loads_in_its_own_way(tmp_path: Path) -> None:
    compiled = run(tmp_path, "(0, 0)")[:2]
    assert run(tmp_path, "(0, 0)") == [*compiled, "1", "True"]
