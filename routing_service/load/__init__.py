"""Load tests of a running service, by anyone: over HTTP, on schedule, with honest percentiles."""
