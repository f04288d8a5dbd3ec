"""Events of a made-up day, for the tests of the live state and its stores."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from routing_service.decision.model import Status
from routing_service.live.closure import Closure, Disc, Where
from routing_service.live.events import Body, ClosureOpened, ClosureRevoked, Event, UnitStatusSet

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FORD = Disc(53.55, -1.48, 50.0)
AUTHOR = "A. Controller"


def clock(hour: int, minute: int = 0) -> datetime:
    return NOON.replace(hour=hour, minute=minute)


def closure(
    id: str,
    starts_at: datetime | None = None,
    expires_at: datetime | None = None,
    *,
    where: Where = FORD,
    reason: str = "flood",
) -> Closure:
    return Closure(
        id=id,
        reason=reason,
        author=AUTHOR,
        source="test",
        where=where,
        direction_deg=None,
        delay_factor=None,
        delay_minutes=None,
        starts_at=starts_at,
        expires_at=expires_at,
    )


def opened(
    id: str, starts_at: datetime | None = None, expires_at: datetime | None = None
) -> ClosureOpened:
    return ClosureOpened(closure(id, starts_at, expires_at))


def status(
    ods_code: str,
    status: Status,
    starts_at: datetime | None = None,
    expires_at: datetime | None = None,
    *,
    capability: str | None = None,
    guard: float | None = None,
) -> UnitStatusSet:
    return UnitStatusSet(
        ods_code, status, "scanner down", AUTHOR, starts_at, expires_at, guard, capability
    )


def numbered(bodies: Iterable[Body], at: datetime = NOON) -> list[Event]:
    """The bodies as the first events of a store."""
    return [Event(version, at, AUTHOR, body) for version, body in enumerate(bodies, start=1)]


# --- random days ---------------------------------------------------------------------------
# Few ids and whole hours, so that events meet: the same closure, the same moment.
moments = st.integers(0, 23).map(clock)


@st.composite
def spans(draw: st.DrawFn) -> tuple[datetime | None, datetime | None]:
    """A start before an expiry, either of which may be missing."""
    hours = sorted(draw(st.lists(st.integers(0, 23), min_size=2, max_size=2, unique=True)))
    start, expiry = (clock(hour) if draw(st.booleans()) else None for hour in hours)
    return start, expiry


bodies: st.SearchStrategy[Body] = st.one_of(
    st.builds(lambda id, span: opened(id, *span), st.sampled_from("abcde"), spans()),
    st.builds(ClosureRevoked, st.sampled_from("abcde")),
    st.builds(
        lambda unit, what, span, capability: status(unit, what, *span, capability=capability),
        st.sampled_from(["NORTH", "SOUTH"]),
        st.sampled_from(["open", "divert", "closed"]),
        spans(),
        st.sampled_from([None, "mt"]),
    ),
)
days = st.lists(bodies, max_size=30)
MINUTE = timedelta(minutes=1)
