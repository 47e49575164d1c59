"""What the processes of one run do together; in a run of one process each function does the plain thing.

Every process of a run must call them in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, distributed

T = TypeVar("T")


def together() -> bool:
    """Whether this process belongs to a group."""
    return distributed.is_available() and distributed.is_initialized()


def processes() -> int:
    """How many processes the run has."""
    return distributed.get_world_size() if together() else 1


def rank() -> int:
    """Which of them this one is, from 0."""
    return distributed.get_rank() if together() else 0


def once(make: Callable[[], T]) -> T:
    """Let the first process make something and hand it to all others.

    Args:
        make: what it returns must be picklable; an exception that it raises is raised in every process.
    """
    if not together():
        return make()
    made: list[T | Exception | None] = [None]
    if rank() == 0:
        try:
            made = [make()]
        except Exception as error:  # the others wait for an answer, whatever it is
            made = [error]
    distributed.broadcast_object_list(made, src=0)
    (answer,) = made
    if isinstance(answer, Exception):
        raise answer
    return answer  # type: ignore[return-value]


def summed(tensor: Tensor) -> Tensor:
    """The sum of the processes' tensors, which have equal shapes and types, on the tensor's device."""
    if not together():
        return tensor
    # NCCL knows only tensors on the GPU
    on_gpu = distributed.get_backend() == "nccl"
    total = tensor.to(torch.device("cuda", torch.cuda.current_device())) if on_gpu else tensor.clone()
    distributed.all_reduce(total)
    return total.to(tensor.device)
