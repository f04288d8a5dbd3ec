"""The commands of `hasu`, one module each; heavy parts are imported when a command runs."""
