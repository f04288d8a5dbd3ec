"""Stroke pathway conveyance routing: which hyper-acute stroke unit is quickest to reach."""

__version__ = "0.1.0"
