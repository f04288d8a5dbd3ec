"""Start a service with two workers and hold it to the budget: ``python -m tests.load [OPTION…]``.

Options are those of `hasu load`; later ones win over those here.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
HASU = [sys.executable, "-m", "routing_service.cli"]
OPTIONS = ["--rate", "500", "--duration", "30", "--budget", str(HERE / "budget.toml")]


def main() -> int:
    """Serve, load, stop; the exit code is that of the load test."""
    command = [*HASU, "serve", "--port", "0", "--workers", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        try:
            assert service.stdout is not None
            ready = service.stdout.readline()
            if not ready.startswith("Ready: "):
                return 1  # it has said why
            url = ready.split()[1].rstrip("/")
            test = [*HASU, "load", url, *OPTIONS, *sys.argv[1:]]
            return subprocess.run(test, check=False).returncode
        finally:
            service.terminate()


if __name__ == "__main__":
    sys.exit(main())
