"""Strongly connected components of the edges under the turn table."""

from __future__ import annotations

from routing_service.kernels.jit import kernel
from routing_service.units import IntArray


@kernel
def strong_components(
    turn_first: IntArray,
    turn_to: IntArray,
    component: IntArray,
    order: IntArray,
    low: IntArray,
    stack: IntArray,
    calls: IntArray,
    cursor: IntArray,
) -> int:
    """Label the strongly connected components of the edges.

    Tarjan's algorithm (SIAM J. Comput. 1, 1972) with an explicit call stack: a road network is
    far deeper than any recursion limit. O(edges + turns); does not allocate.

    Parameters
    ----------
    turn_first, turn_to
        The turn table by source edge, CSR ``int32``.
    component
        ``int32[edges]``, written: the component of each edge, 0 … n - 1.
    order, low, stack, calls, cursor
        ``int32[edges]`` each, scratch.

    Returns
    -------
    int
        Number of components.
    """
    n_edges = component.shape[0]
    component[:] = -1
    order[:] = -1
    visited = 0
    components = 0
    on_stack = 0
    for root in range(n_edges):
        if order[root] >= 0:
            continue
        depth = 0
        f = root
        while True:
            # Enter edge f.
            calls[depth] = f
            order[f] = low[f] = visited
            cursor[f] = turn_first[f]
            visited += 1
            stack[on_stack] = f
            on_stack += 1
            # Advance until another edge is to be entered, or the root is done.
            entering = False
            while depth >= 0 and not entering:
                e = calls[depth]
                if cursor[e] < turn_first[e + 1]:
                    f = turn_to[cursor[e]]
                    if order[f] < 0:
                        depth += 1  # the cursor stays, so that e sees f's result afterwards
                        entering = True
                    else:
                        cursor[e] += 1
                        if component[f] < 0 and low[f] < low[e]:
                            low[e] = low[f]
                else:
                    if low[e] == order[e]:
                        while True:
                            on_stack -= 1
                            component[stack[on_stack]] = components
                            if stack[on_stack] == e:
                                break
                        components += 1
                    depth -= 1
            if depth < 0:
                break
    return components
