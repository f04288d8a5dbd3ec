"""The first step on a strange machine: find a Python that is new enough, or say what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKE_VENV = ROOT / "scripts" / "make-venv"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A PATH with the few tools that the script needs and no Python."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "env"):
        (tools / tool).symlink_to(f"/bin/{tool}")
    return tools


def install(machine: Path, name: str, script: str) -> None:
    path = machine / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def make_venv(machine: Path, **env: str) -> subprocess.CompletedProcess[str]:
    target = machine.parent / "venv"
    return subprocess.run(
        ["/bin/sh", str(MAKE_VENV), str(target)],
        env={"PATH": str(machine), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_old_python_is_told_by_its_version(machine: Path) -> None:
    install(machine, "python3", '[ "$1" = --version ] && echo "Python 3.9.2" || exit 1')
    result = make_venv(machine)
    assert result.returncode == 1
    assert "Python 3.11 or newer is needed; found Python 3.9.2." in result.stderr
    assert "PYTHON=/path/to/python3.12" in result.stderr


def test_a_machine_without_any_python_is_told_too(machine: Path) -> None:
    result = make_venv(machine)
    assert result.returncode == 1
    assert "Python 3.11 or newer is needed" in result.stderr


def test_a_python_without_venv_is_told_what_to_install(machine: Path) -> None:
    install(
        machine,
        "python3",
        'case "$*" in *ensurepip*) exit 1;; --version) echo "Python 3.12.1";; esac',
    )
    result = make_venv(machine)
    assert result.returncode == 1
    assert "Python 3.12.1 has no venv module" in result.stderr
    assert "apt install python3-venv" in result.stderr


def test_shims_for_what_is_not_installed_are_passed_over(machine: Path) -> None:
    install(machine, "python3", "exit 127")
    install(machine, "python3.13", "exit 127")
    install(machine, "python3.11", f'exec {sys.executable} "$@"')
    result = make_venv(machine)
    assert result.returncode == 0, result.stderr
    assert (machine.parent / "venv" / "bin" / "python").exists()


def test_a_python_that_was_named_comes_first(machine: Path) -> None:
    install(machine, "python3", "exit 0")  # new enough, it says, but it makes nothing
    result = make_venv(machine, PYTHON=sys.executable)
    assert result.returncode == 0, result.stderr
    assert (machine.parent / "venv" / "bin" / "python").exists()


def test_make_alone_lists_what_it_can_do() -> None:
    result = subprocess.run(
        ["make", "--no-print-directory"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    listed = [line.split()[0] for line in result.stdout.splitlines()]
    running = ["help", "run", "graph"]
    assert listed == [*running, "test", "check", "bench", "peers", "load", "lock", "clean"]
