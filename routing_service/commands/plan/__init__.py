"""`hasu plan`: what planners ask of whole populations, one module for each command."""

from __future__ import annotations

from routing_service.commands.command import group
from routing_service.commands.plan import areas, matrix, report, scenario, sites

COMMAND = group(
    "plan",
    "Answer planners: travel times of whole populations, and what would change them.",
    (
        matrix.COMMAND,
        scenario.COMMAND,
        report.COMMAND,
        sites.COMMAND,
        areas.ISOCHRONES,
        areas.CATCHMENTS,
    ),
)
