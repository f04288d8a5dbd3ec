"""Tags of many objects as rows of numbers, so that those that are alike are looked at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from routing_service.graph.sources.raw import Tags
from routing_service.units import IntArray, LongArray


@dataclass(frozen=True, slots=True)
class TagRows:
    """Tags of many objects: object ``i`` has ``pairs[codes[first[i]:first[i + 1]]]``.

    `first` is ``int64[n + 1]``, `codes` ``int32[k]``; no pair is there twice.
    """

    first: LongArray
    codes: IntArray
    pairs: Sequence[tuple[str, str]]

    def where(self, kept: Callable[[str], bool]) -> TagRows:
        """Only the tags whose key is kept."""
        keep = np.array([kept(key) for key, _ in self.pairs], np.bool_)[self.codes]
        return TagRows(np.append(0, np.cumsum(keep))[self.first], self.codes[keep], self.pairs)

    def distinct(self) -> tuple[list[Tags], IntArray]:
        """The different sets of tags, and which each object has (``int32[n]``).

        Number by number: objects that were alike so far and go on alike stay alike. That is a few
        sorts of numbers in place of a dictionary of tuples of strings for each object.
        """
        lengths = np.diff(self.first)
        order = np.lexsort((self.codes, np.repeat(np.arange(len(lengths)), lengths)))
        codes = self.codes[order]
        kind = np.zeros(len(lengths), np.int64)
        for place in range(int(lengths.max(initial=0))):
            longer = np.flatnonzero(lengths > place)
            step = kind[longer] * len(self.pairs) + codes[self.first[longer] + place]
            # Beyond all numbers so far, which those that end before this place keep.
            kind[longer] = kind.max() + 1 + np.unique(step, return_inverse=True)[1]
        _, examples, kinds = np.unique(kind, return_index=True, return_inverse=True)
        rows = zip(self.first[examples].tolist(), self.first[examples + 1].tolist(), strict=True)
        tags: list[Tags] = [dict(self.pairs[code] for code in codes[a:b].tolist()) for a, b in rows]
        return tags, kinds.astype(np.int32)


def joined(parts: Sequence[TagRows]) -> TagRows:
    """The rows of all parts, one after another."""
    known: dict[tuple[str, str], int] = {}
    codes = [np.zeros(0, np.int32)]
    for part in parts:
        own = np.array([known.setdefault(pair, len(known)) for pair in part.pairs], np.int32)
        codes.append(own[part.codes])
    lengths = np.concatenate([np.zeros(1, np.int64), *(np.diff(part.first) for part in parts)])
    return TagRows(np.cumsum(lengths), np.concatenate(codes), tuple(known))
