"""The decision: pure functions from travel times to a ranked answer."""
