"""Messages of other systems about roads, read as closures."""
