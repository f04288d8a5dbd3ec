"""Readers that turn map data into a `RawNetwork`; the only place that knows map file formats."""
