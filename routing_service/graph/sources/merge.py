"""Array steps behind `RawBuilder`: pick winners among copies, cut ways at gaps, rank content.

Everything here is a pure function of arrays; nothing depends on the order of the input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from routing_service.units import NONE, IntArray, LongArray

Content = TypeVar("Content", bound=tuple[Any, ...])
Number = TypeVar("Number", bound=np.integer[Any])
Column = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Pieces:
    """Ways after cutting: ``nodes[first[p]:first[p + 1]]`` are the nodes of piece ``p``.

    `rows` is the position of the way that each piece came from.
    """

    rows: LongArray
    first: IntArray
    nodes: IntArray


def winners(
    identity: tuple[Column, ...], preference: Callable[[], tuple[Column, ...]]
) -> LongArray:
    """Positions of the most preferred record of each identity, in the order of the identities.

    Parameters
    ----------
    identity
        Columns of one length that together name a thing, most significant first.
    preference
        Gives columns that decide between copies of a thing, most significant first; the greatest
        wins. Not asked where every thing is there once and in its place, as in most extracts.
    """
    if (identity[0][1:] > identity[0][:-1]).all():
        return np.arange(len(identity[0]), dtype=np.int64)
    order = np.lexsort((*reversed(preference()), *reversed(identity)))
    is_last = np.zeros(len(order), np.bool_)
    if len(order):
        is_last[-1] = True
    for column in identity:
        is_last[:-1] |= column[order[1:]] != column[order[:-1]]
    return order[is_last].astype(np.int64)


def distinct(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Sort values and leave out copies: `numpy.unique`, which takes ten times as long.

    (85 against 6 ms on 270,000 node ids: since numpy 2.3 it hashes first and sorts then.)
    """
    ordered = np.sort(values)
    is_first = np.ones(len(ordered), np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_first]


def fingerprints(first: LongArray, values: LongArray) -> npt.NDArray[np.uint64]:
    """Hash each row of a CSR table, so that rows of different content can be put in order.

    Sums values times a pseudo-random odd weight of their place in the row, modulo 2**64.
    """
    place = np.arange(len(values)) - np.repeat(first[:-1], np.diff(first))
    weights = (place.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    weights ^= weights >> np.uint64(29)
    weights = weights * np.uint64(0xBF58476D1CE4E5B9) | np.uint64(1)
    total = np.zeros(len(values) + 1, np.uint64)
    np.cumsum(values.astype(np.uint64) * weights, out=total[1:])
    return total[first[1:]] - total[first[:-1]]


def ranks(interned: Mapping[Content, int]) -> IntArray:
    """Place of each code's content among the sorted contents, ``int32``."""
    places = np.empty(len(interned), np.int32)
    for place, content in enumerate(sorted(interned)):
        places[interned[content]] = place
    return places


def compacted(
    interned: Mapping[Content, int], codes: IntArray
) -> tuple[tuple[Content, ...], IntArray]:
    """Sort interned content, without what no record refers to any more.

    Returns
    -------
    The content in order, and the new code of each record (``int32``).
    """
    contents = sorted(interned)
    used, new_codes = np.unique(ranks(interned)[codes], return_inverse=True)
    return tuple(contents[place] for place in used), new_codes.astype(np.int32)


def positions(sorted_ids: LongArray, ids: LongArray) -> LongArray:
    """Place of each id in the sorted ids, `NONE` where it is not there."""
    if not len(sorted_ids):
        return np.full(len(ids), NONE, np.int64)
    found = np.minimum(np.searchsorted(sorted_ids, ids), len(sorted_ids) - 1)
    return np.where(sorted_ids[found] == ids, found, NONE)


def gathered(
    first: LongArray, values: npt.NDArray[Number], rows: LongArray
) -> tuple[LongArray, npt.NDArray[Number]]:
    """Take rows out of a CSR table, in the order given."""
    lengths = (first[1:] - first[:-1])[rows]
    new_first = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(lengths, out=new_first[1:])
    source = np.arange(new_first[-1]) + np.repeat(first[:-1][rows] - new_first[:-1], lengths)
    return new_first, values[source]


def cut(first: LongArray, nodes: LongArray, dropped: Counter[str]) -> Pieces:
    """Cut ways where a node is missing and keep the runs of two or more nodes.

    Parameters
    ----------
    first
        ``int64[w + 1]``.
    nodes
        ``int64[k]``, positions of nodes, `NONE` for a node that is missing.
    dropped
        Counts are added here, under the reasons that `RawBuilder` names.
    """
    n_ways = len(first) - 1
    owner = np.repeat(np.arange(n_ways), np.diff(first))
    opens = np.ones(len(nodes), np.bool_)
    opens[1:] = owner[1:] != owner[:-1]
    repeated = np.zeros(len(nodes), np.bool_)
    repeated[1:] = ~opens[1:] & (nodes[1:] == nodes[:-1]) & (nodes[1:] != NONE)
    missing = nodes == NONE

    kept = ~repeated
    owner, nodes, opens = owner[kept], nodes[kept], opens[kept]
    gap = nodes == NONE
    starts = ~gap
    starts[1:] &= opens[1:] | gap[:-1]
    run = np.cumsum(starts) - 1
    lengths = np.bincount(run[~gap], minlength=int(starts.sum()))
    long_enough = lengths >= 2
    stays = ~gap & long_enough[run] if len(lengths) else gap

    rows = owner[starts][long_enough]
    piece_first = np.zeros(len(rows) + 1, np.int32)
    np.cumsum(lengths[long_enough], out=piece_first[1:])
    has_piece = np.bincount(rows, minlength=n_ways) > 0
    has_gap = np.bincount(owner[gap], minlength=n_ways) > 0
    _count(dropped, "node_repeated", repeated)
    _count(dropped, "node_missing", missing)
    _count(dropped, "way_cut", has_gap & has_piece)
    _count(dropped, "way_without_nodes", ~has_piece)
    return Pieces(rows, piece_first, nodes[stays].astype(np.int32))


def _count(dropped: Counter[str], reason: str, flags: npt.NDArray[np.bool_]) -> None:
    if n := int(np.count_nonzero(flags)):
        dropped[reason] += n
