"""Stroke pathway conveyance routing: which hyper-acute stroke unit is quickest to reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from routing_service.version import __version__

if TYPE_CHECKING:
    from routing_service.planner.router import Router

__all__ = ["Router", "__version__"]


def __getattr__(name: str) -> Any:
    """Import `Router` when someone asks for it: the package alone must stay quick to import."""
    if name == "Router":
        from routing_service.planner.router import Router

        return Router
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
