"""From map data to a graph file: sources, profile, build, road graph, file."""
