"""What answers requests: the network as it stands now, and its exchange for a newer one."""
