"""`Decision`: the numbers of an answer, read as people and programs ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from routing_service.answer import (
    CAPABILITY_DIFFERS,
    CLOSE,
    CM,
    DESTINATION,
    DISTANCE_CM,
    DIVERT_NOT_TAKEN,
    DOUBTS,
    ELIGIBLE,
    LABEL,
    LAT_E7,
    LON_E7,
    MARGIN_MS,
    MS,
    NEAR_TIE,
    NEAREST,
    NOT_IN_POLICY,
    ORDER,
    P10,
    P90,
    POLICY_DIFFERS,
    POOR_SNAP,
    REASONS,
    SHARE,
    TIMES,
    UNREACHED,
    unpack,
)
from routing_service.decision import words
from routing_service.decision.model import Disc, Ranked, Snap, Unit
from routing_service.decision.standing import Standing
from routing_service.units import E7, INF_MS, km_from_cm, minutes_from_ms


@dataclass(frozen=True, eq=False)
class Roster:
    """What the numbers of an answer stand for: one per state of the units and their network.

    Attributes
    ----------
    standing
        The units and their state.
    road_names
        By the label of a road.
    doubts
        Flags of every answer of the network, whatever the incident.
    error_known
        Whether there is an error model; without one nothing is said of probability.
    """

    standing: Standing
    road_names: Sequence[str]
    doubts: tuple[str, ...] = ()
    error_known: bool = False
    _flags: dict[int, tuple[str, ...]] = field(default_factory=dict)
    _reasons: dict[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    _explained: dict[tuple[int, int, int, int], dict[str, str]] = field(default_factory=dict)

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """In the order of the blocks of an answer."""
        return self.standing.units

    def flags(self, bits: int) -> tuple[str, ...]:
        """The doubts of an answer in words, those of the whole network first."""
        flags = self._flags.get(bits)
        if flags is None:
            own = (name for bit, name in enumerate(DOUBTS) if bits >> bit & 1)
            flags = self._flags[bits] = (*self.doubts, *own)
        return flags

    def reasons(self, bits: int, u: int) -> tuple[str, ...]:
        """Why unit `u` stands where it stands."""
        reasons = self._reasons.get((bits, u))
        if reasons is None:
            reasons = self._reasons[bits, u] = self._read_reasons(bits, u)
        return reasons

    def explanation(self, bits: int, nearest: int, why: int, to: int) -> Mapping[str, str]:
        """An answer's doubts in sentences, by flag; first, why it is not the nearest unit.

        Parameters
        ----------
        bits
            The doubts.
        nearest, why
            The quickest unit and its reasons as bits.
        to
            The destination, -1 for none.
        """
        key = (bits, nearest, why, to)
        found = self._explained.get(key)
        if found is None:
            found = {}
            if to != nearest and not why & UNREACHED:
                name, reasons = self.units[nearest].name, self.reasons(why, nearest)
                found[words.NOT_NEAREST] = words.not_nearest(name, reasons)
            found |= {flag: words.FLAGS[flag] for flag in self.flags(bits)}
            self._explained[key] = found
        return found

    def _read_reasons(self, bits: int, u: int) -> tuple[str, ...]:
        if bits & UNREACHED:
            return ("no_route",)
        codes = ["nearest" if bits & NEAREST else "near_tie" if bits & CLOSE else "further"]
        if self.standing.statuses[u] != "open":
            codes.append(self.standing.statuses[u])
        if bits & NOT_IN_POLICY:
            codes.append("lacks_capability" if self.standing.lacking[u] else "not_in_policy")
        if bits & DIVERT_NOT_TAKEN:
            codes.append("divert_not_taken")
        return tuple(codes)


class Decision:
    """All units in order, the destination and every doubt about it.

    Nothing is read out of the numbers before it is asked for: rows as objects cost three times
    what the answer costs, and a program often wants one figure of one unit.

    Parameters
    ----------
    packed
        One answer as `routing_service.answer.pack` gives it.
    roster
        What its numbers stand for.
    bits
        The doubts, of which more may be known than the numbers say.
    disc
        What is nearest over the disc in which the incident may lie, if asked.
    """

    __slots__ = ("_numbers", "bits", "disc", "packed", "roster")

    def __init__(self, packed: bytes, roster: Roster, bits: int, disc: Disc | None = None) -> None:
        self.packed = packed
        self.roster = roster
        self.bits = bits
        self.disc = disc
        self._numbers: tuple[int, ...] | None = None

    @property
    def numbers(self) -> tuple[int, ...]:
        """The answer, see `routing_service.answer`."""
        numbers = self._numbers
        if numbers is None:
            numbers = self._numbers = unpack(self.packed)
        return numbers

    @property
    def ranking(self) -> tuple[Ranked, ...]:
        """All units, quickest first."""
        n = len(self.roster.units)
        first = TIMES + ORDER * n
        order = self.numbers[first : first + n]
        return tuple([self._row(place, u) for place, u in enumerate(order, start=1)])

    @property
    def destination(self) -> Ranked | None:
        """The row of the unit to drive to; None if no unit is eligible."""
        u = self.numbers[DESTINATION]
        if u < 0:
            return None
        first = TIMES + ORDER * len(self.roster.units)
        return self._row(self.numbers.index(u, first) - first + 1, u)

    @property
    def nearest_ods_code(self) -> str | None:
        """The quickest to reach whatever the statuses; None if none can be reached."""
        units = self.roster.units
        u = self.numbers[TIMES + ORDER * len(units)]
        return units[u].ods_code if self.numbers[TIMES + u] < INF_MS else None

    @property
    def margin_minutes(self) -> float | None:
        """What the next eligible unit takes longer; None if there is none."""
        margin_ms = self.numbers[MARGIN_MS]
        return None if margin_ms >= INF_MS else minutes_from_ms(margin_ms)

    @property
    def near_tie(self) -> bool:
        """Whether the margin is below the threshold."""
        return bool(self.bits & NEAR_TIE)

    @property
    def flags(self) -> tuple[str, ...]:
        """Every doubt about the answer."""
        return self.roster.flags(self.bits)

    @property
    def explanation(self) -> Mapping[str, str]:
        """The flags in sentences, and why the destination is not the nearest unit if it is not."""
        numbers, n = self.numbers, len(self.roster.units)
        nearest = numbers[TIMES + ORDER * n]
        why = numbers[TIMES + REASONS * n + nearest]
        return self.roster.explanation(self.bits, nearest, why, numbers[DESTINATION])

    @property
    def snap(self) -> Snap:
        """The point of the network that stands for the incident."""
        numbers = self.numbers
        return Snap(
            numbers[LAT_E7] / E7,
            numbers[LON_E7] / E7,
            (numbers[DISTANCE_CM] + 5) // 10 / 10,
            self.roster.road_names[numbers[LABEL]],
            "poor" if self.bits & POOR_SNAP else "good",
        )

    def _row(self, place: int, u: int) -> Ranked:
        roster, numbers = self.roster, self.numbers
        units = roster.units
        n = len(units)
        own = numbers[TIMES + u :: n]  # the blocks, of this unit
        reached, known = own[MS] < INF_MS, roster.error_known
        return Ranked(
            place,
            units[u].ods_code,
            units[u].name,
            minutes_from_ms(own[MS]) if reached else None,
            km_from_cm(own[CM]) if reached else None,
            roster.standing.statuses[u],
            bool(own[REASONS] & ELIGIBLE),
            roster.reasons(own[REASONS], u),
            own[P10] / 10 if reached and known else None,
            own[P90] / 10 if reached and known else None,
            own[SHARE] / 1000 if reached and known else None,
        )


def told_apart(numbers: Sequence[int], bits: int, standing: Standing) -> int:
    """The doubts, where what the kernel takes for policy may be a missing capability."""
    n = len(standing.units)
    first = TIMES + ORDER * n
    bits &= ~POLICY_DIFFERS
    for u in numbers[first : first + n]:
        if u == numbers[DESTINATION] or numbers[TIMES + u] >= INF_MS:
            break
        if standing.statuses[u] == "open" and not standing.allowed[u]:
            bits |= CAPABILITY_DIFFERS if standing.lacking[u] else POLICY_DIFFERS
    return bits
