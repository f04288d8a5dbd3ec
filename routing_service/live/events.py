"""What may happen during the day, as values: who, when and what; and their one written form.

An event is written once and never changed, so its form is part of the store's schema: fields may
be added with a default, a new kind of event or a changed meaning is a new `store.SCHEMA_VERSION`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, get_args

from routing_service.decision.model import Status
from routing_service.live.closure import Closure, moment_text


@dataclass(frozen=True, slots=True)
class ClosureOpened:
    """A closure is put in force, or one of the same id is replaced as a whole."""

    kind: ClassVar[str] = "closure_opened"
    closure: Closure

    def to_json(self) -> dict[str, Any]:
        """The body as JSON values."""
        return {"closure": self.closure.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ClosureOpened:
        """Read what `to_json` gave."""
        return cls(Closure.from_record(values["closure"]))


@dataclass(frozen=True, slots=True)
class ClosureRevoked:
    """A closure is taken back; one that is not there is left so."""

    kind: ClassVar[str] = "closure_revoked"
    closure_id: str

    def to_json(self) -> dict[str, Any]:
        """The body as JSON values."""
        return {"closure_id": self.closure_id}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ClosureRevoked:
        """Read what `to_json` gave."""
        return cls(_text(values["closure_id"]))


@dataclass(frozen=True, slots=True)
class UnitStatusSet:
    """A unit, or one capability of it, is open, on divert or closed for a time.

    `max_extra_minutes` is the guard of a divert: how much longer the way to the next open unit may
    be. No start means from now on, no expiry until something newer is set.
    """

    kind: ClassVar[str] = "unit_status_set"
    ods_code: str
    status: Status
    reason: str
    author: str
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    max_extra_minutes: float | None = None
    capability: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The body as JSON values."""
        return {
            "ods_code": self.ods_code,
            "status": self.status,
            "reason": self.reason,
            "author": self.author,
            "starts_at": moment_text(self.starts_at),
            "expires_at": moment_text(self.expires_at),
            "max_extra_minutes": self.max_extra_minutes,
            "capability": self.capability,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> UnitStatusSet:
        """Read what `to_json` gave."""
        if values["status"] not in get_args(Status):
            raise ValueError(f"no such status: {values['status']!r}")
        guard = values.get("max_extra_minutes")
        return cls(
            ods_code=_text(values["ods_code"]),
            status=values["status"],
            reason=_text(values["reason"]),
            author=_text(values["author"]),
            starts_at=_moment(values.get("starts_at")),
            expires_at=_moment(values.get("expires_at")),
            max_extra_minutes=None if guard is None else float(guard),
            capability=values.get("capability"),
        )


Body = ClosureOpened | ClosureRevoked | UnitStatusSet
KINDS: dict[str, type[Body]] = {body.kind: body for body in get_args(Body)}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: its place in the order, when, by whom, and what.

    `version` alone orders events: clocks differ and step back, so `at` is a record for people.
    """

    version: int
    at: datetime
    author: str
    body: Body

    def to_json(self) -> dict[str, Any]:
        """The event as JSON values."""
        return {
            "version": self.version,
            "at": moment_text(self.at),
            "author": self.author,
            "kind": self.body.kind,
            "body": self.body.to_json(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Event:
        """Read what `to_json` gave.

        Raises
        ------
        KeyError, TypeError, ValueError, HasuError
            Something is missing, of the wrong type, or not a valid body.
        """
        at = _moment(values["at"])
        if at is None:
            raise ValueError("an event has a time")
        body = KINDS[values["kind"]].from_json(values["body"])
        return cls(int(values["version"]), at, _text(values["author"]), body)


def canonical(values: Mapping[str, Any]) -> str:
    r"""Write JSON in the one form that is stored and hashed: sorted keys, no spaces, only ASCII.

    Examples
    --------
    >>> canonical({"b": 1.5, "a": "é"})
    '{"a":"\\u00e9","b":1.5}'
    """
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is needed, not {value!r}")
    return value


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time needs its offset from UTC: {text}")
    return moment.astimezone(UTC)
