"""How much a worker takes on, and how long anybody may keep it waiting."""

from __future__ import annotations

from dataclasses import dataclass

HEAD_BYTES = 32_768
"""Longest head of a request. The parser has no limit of its own."""

REQUEST_SECONDS = 10.0
"""How long a client may take to send a request, from its first byte to its last."""

REPLY_SECONDS = 10.0
"""How long a client may leave a reply unread without taking a single byte of it."""

KEEP_ALIVE_SECONDS = 75.0
"""How long a connection may rest between requests: longer than the 60 s of common load balancers,
which otherwise send a request just as it closes.
"""

HURRIED_SECONDS = 2.0
"""What all three shrink to while connections are nearly used up, so that those who hold them
without need make room.
"""

NEARLY = 0.75
"""Share of the connections in use from which it counts as nearly used up."""

GRACE_SECONDS = 10
"""How long open requests may take to finish when the service is told to stop."""

LINGER_SECONDS = 1.0
"""How long a connection that rests is kept after that, for a request that is already on its way."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator chooses.

    Attributes
    ----------
    max_connections
        Connections of one worker that are served; those beyond are told to come back.
    drain_s
        How long to go on accepting after a stop was asked for, while `/readyz` already says no:
        as long as a load balancer needs to notice. Seconds.
    """

    max_connections: int = 1000
    drain_s: float = 0.0
