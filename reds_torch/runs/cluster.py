"""Ray: calls of a function on the cores of this machine or of a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

K = TypeVar("K")
T = TypeVar("T")

INSTALL = "pip install 'reds-torch[sweep]'"


class ClusterError(RuntimeError):
    """Ray is not installed, or its cluster can't be reached."""


class Cluster:
    """A connection to Ray for a ``with`` block; at its end what still runs is ended.

    Args:
        address: of a cluster: ``auto`` is the one that this machine belongs to; None starts one for the block, on this
            machine alone.
        cpus: cores of each call.
        gpus: of each call; a share of one is possible.
        at_once: so many calls on this machine at the same time; None: as many as it has cores for.
    """

    def __init__(self, address: str | None, cpus: int, gpus: float, at_once: int | None) -> None:
        self.address = address
        self.cpus = cpus
        self.gpus = gpus
        self.at_once = at_once

    def __enter__(self) -> Cluster:
        # nothing leaves the machine
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ClusterError(f"many runs need Ray: {INSTALL}") from error
        self._ray = ray
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}
        if self.address is None:
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
            at_once = self.at_once or max(1, cores // self.cpus)
            options |= {"address": "local", "include_dashboard": False, "num_cpus": at_once * self.cpus}
            # results are a few words
            options["object_store_memory"] = 80 * 2**20
        else:
            options["address"] = self.address
        try:
            ray.init(**options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ClusterError(f"there is no Ray cluster at address={self.address}: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def calls(
        self, function: Callable[..., T], arguments: Mapping[K, tuple[Any, ...]]
    ) -> Iterator[tuple[K, T | Exception]]:
        """What the function returned for each of the arguments, or what went wrong, as they end."""
        remote = self._ray.remote(num_cpus=self.cpus, num_gpus=self.gpus, max_retries=0)(function)
        pending = {remote.remote(*given): key for key, given in arguments.items()}
        while pending:
            (ended,), _ = self._ray.wait(list(pending), num_returns=1)
            key = pending.pop(ended)
            try:
                yield key, self._ray.get(ended)
            except self._ray.exceptions.RayError as error:
                yield key, error
