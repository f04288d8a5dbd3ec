"""What is kept of a service's own doings: the audit trail and the metrics."""
