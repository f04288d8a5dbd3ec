"""The rules of the road, one idea per module; policy comes from the profile's TOML."""
