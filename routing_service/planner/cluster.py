"""The same jobs on a Dask cluster: points by chunks, trees by units.

A task holds all that it needs but the graph file, which each worker maps from its own disk, or gets
once. So a worker that is lost takes nothing with it: the scheduler gives its tasks to another.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from routing_service import __version__
from routing_service.errors import ClusterUnavailable, GraphFileMissing, MissingExtra
from routing_service.live.snapshot import Limits, Snapshot
from routing_service.planner.job import solve_chunk

if TYPE_CHECKING:
    from routing_service.decision.model import Status
    from routing_service.graph.road_graph import RoadGraph
    from routing_service.graph.trees import Grow
    from routing_service.planner.points import Chunk
    from routing_service.units import IntArray

CONNECT_SECONDS = 10
Client = Any
"""`distributed.Client`, whose methods have no types."""

_opening = Lock()


@dataclass(frozen=True, slots=True)
class Network:
    """What a worker needs to stand up the same snapshot: where its file is, and its state."""

    path: str
    graph_id: str
    version: str
    state_version: int
    statuses: tuple[Status, ...]
    guards_ms: tuple[int, ...]
    limits: Limits
    speed_set: int


class Cluster:
    """An `Executor` of all workers of a Dask scheduler.

    Parameters
    ----------
    client
        Connected to the scheduler; see `connect` and `local_cluster`.
    graph
        The graph file, by the path under which workers find it.
    snapshot
        Which the workers are to stand up from it.
    ship
        Send the file to each worker, also to those that come later.
    """

    def __init__(
        self, client: Client, graph: Path, snapshot: Snapshot, *, ship: bool = False
    ) -> None:
        self.client = client
        self.network = Network(
            str(graph.resolve()),
            snapshot.graph_id,
            __version__,
            snapshot.state_version,
            snapshot.statuses,
            snapshot.guards_ms,
            snapshot.limits,
            snapshot.speed_set,
        )
        if ship:
            from distributed.diagnostics.plugin import UploadFile

            client.register_plugin(UploadFile(str(graph), load=False))

    def solve(self, chunks: Iterable[Chunk], covering: bool) -> Iterator[tuple[int, bytes]]:
        """See `Executor`; at most three chunks for each thread of the cluster are on their way."""

        def submit(chunk: Chunk) -> Any:
            # Not pure: the same task of another job must not be taken for this one.
            future = self.client.submit(_solve, self.network, chunk, covering, pure=False)
            number[future.key] = chunk.index
            return future

        number: dict[str, int] = {}
        todo = iter(chunks)
        threads = sum(self.client.nthreads().values())
        first = [submit(chunk) for chunk in islice(todo, max(3 * threads, 4))]
        running = _distributed().as_completed(first, loop=self.client.loop)
        for future in running:
            yield number.pop(future.key), future.result()
            for chunk in islice(todo, 1):
                running.add(submit(chunk))


def _solve(network: Network, chunk: Chunk, covering: bool) -> bytes:
    """One part, in a worker."""
    with _opening:
        snapshot = _stand_up(network)
    return solve_chunk(snapshot, chunk, covering)


@cache
def _stand_up(network: Network) -> Snapshot:
    """Open the graph of a job; kept as long as the worker lives."""
    from routing_service.wiring.opening import open_snapshot

    if network.version != __version__:
        raise ClusterUnavailable(
            f"a worker has version {__version__} of this package, the job {network.version}:"
            " install the same on all"
        )
    found = next((path for path in _candidates(network) if path.is_file()), None)
    if found is None:
        raise GraphFileMissing(
            f"a worker has no file {network.path}: put it there, or let it be sent with --ship"
        )
    snapshot = open_snapshot(found, network.limits)
    if snapshot.graph_id != network.graph_id:
        raise ClusterUnavailable(
            f"a worker's {network.path} is another graph, {snapshot.graph_id[:12]} instead of"
            f" {network.graph_id[:12]}: copy the file again, or let it be sent with --ship"
        )
    return replace(
        snapshot,
        state_version=network.state_version,
        statuses=network.statuses,
        guards_ms=network.guards_ms,
        speed_set=network.speed_set,
    )


def _candidates(network: Network) -> Iterator[Path]:
    from distributed import get_worker

    yield Path(get_worker().local_directory) / Path(network.path).name  # sent
    yield Path(network.path)


# --- trees -------------------------------------------------------------------------------------
def grow_on(client: Client) -> Grow:
    """A stand-in for `graph.trees.grow_trees` that grows each unit's tree on some worker."""

    def grow_trees(
        graph: RoadGraph, *, on_tree: Callable[[int], None] | None = None
    ) -> tuple[IntArray, IntArray]:
        # Not scattered: what is scattered is lost with the worker that holds it. So the network
        # is part of a task, once, which Dask finds large.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")
            bare = client.submit(_same, replace(graph, manifest={}), pure=False)
        futures = {
            future.key: (u, future)
            for u in range(len(graph.doors))
            for future in [client.submit(_grow, bare, u, pure=False)]
        }
        shape = (len(graph.doors), graph.n_edges)
        tree_ms, tree_cm = np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.int32)
        growing = [future for _, future in futures.values()]
        for future in _distributed().as_completed(growing, loop=client.loop):
            u = futures[future.key][0]
            tree_ms[u], tree_cm[u] = future.result()
            if on_tree:
                on_tree(u)
        return tree_ms, tree_cm

    return grow_trees


def _same(graph: RoadGraph) -> RoadGraph:
    return graph


def _grow(graph: RoadGraph, unit: int) -> tuple[IntArray, IntArray]:
    from routing_service.graph.trees import grow_one, ring_size

    tree_ms, tree_cm = (np.empty(graph.n_edges, dtype=np.int32) for _ in range(2))
    grow_one(graph, unit, tree_ms, tree_cm, ring_size(graph))
    return tree_ms, tree_cm


# --- clusters ------------------------------------------------------------------------------------
@contextmanager
def connect(address: str) -> Iterator[Client]:
    """A client of a running scheduler.

    Raises
    ------
    ClusterUnavailable
        If nothing answers at `address`, or it has no workers.
    """
    client_class = _distributed().Client
    try:
        client = client_class(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterUnavailable(
            f"no Dask scheduler answers at {address}: start one with `dask scheduler`"
        ) from error
    with client:
        if not client.nthreads():
            raise ClusterUnavailable(
                f"the scheduler at {address} has no workers: start one with `dask worker {address}`"
            )
        yield client


@contextmanager
def local_cluster(workers: int) -> Iterator[Client]:
    """A cluster of worker processes on this machine, for as long as the block lasts."""
    distributed = _distributed()
    # A worker that takes its time to end is nobody's concern.
    options: dict[str, Any] = {"silence_logs": logging.ERROR, "dashboard_address": None}
    with (
        distributed.LocalCluster(
            host="127.0.0.1", n_workers=workers, threads_per_worker=1, **options
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise MissingExtra(
            "A cluster needs the package distributed, which is not installed; "
            "run: python -m pip install 'dask[distributed]'",
            package="distributed",
        ) from None
    return distributed
