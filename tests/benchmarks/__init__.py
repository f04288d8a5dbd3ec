"""Benchmarks: ratios measured side by side in one run, each with a check of the answers."""
