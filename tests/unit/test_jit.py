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


INLINING = """
import numpy as np
from routing_service.kernels import components
from routing_service.kernels.jit import kernel

@kernel
def twice(first, to, a, b, c, d, e, f):
    return 2 * components.strong_components(first, to, a, b, c, d, e, f)

# Two edges, each leading into the other.
first, to = np.array([0, 1, 2], dtype=np.int32), np.array([1, 0], dtype=np.int32)
scratch = [np.zeros(2, dtype=np.int32) for _ in range(6)]
print(twice(first, to, *scratch), sum(components.strong_components._cache_hits.values()))
"""


def test_what_came_from_the_disk_can_be_inlined(tmp_path: Path) -> None:
    """Its code for others is parsed only then."""
    program = tmp_path / "inlining.py"
    program.write_text(INLINING)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DISABLE_JIT": "0"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])

    def run_it() -> str:
        command = [sys.executable, str(program)]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    assert run_it() == "2 0"
    for outer in tmp_path.rglob("inlining.twice*"):
        outer.unlink()
    assert run_it() == "2 1"


def test_another_release_of_numba_loads_in_its_own_way(tmp_path: Path) -> None:
    compiled = run(tmp_path, "(0, 0)")[:2]
    assert run(tmp_path, "(0, 0)") == [*compiled, "1", "True"]


SETTINGS = """
import sys
from numba import config
print("scipy" in sys.modules, "importlib.metadata" in sys.modules, config.DEVELOPER_MODE)
import importlib.metadata, scipy, yaml
print(importlib.metadata.version("numba") != "", scipy.__name__, yaml.safe_load("1"))
"""


def test_numba_is_imported_without_what_it_asks_for_in_passing(tmp_path: Path) -> None:
    """But its file of settings is read, and who wants the real modules gets them."""
    (tmp_path / ".numba_config.yaml").write_text("developer_mode: 1\n")
    command = [sys.executable, "-c", f"import routing_service.kernels\n{SETTINGS}"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["False False 1", "True scipy 1"]
