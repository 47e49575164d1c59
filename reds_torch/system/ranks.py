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


class FirstProcessError(RuntimeError):
    """The first process failed at something that this one waited for; it has said why itself."""


def once(make: Callable[[], T]) -> T:
    """Let the first process make something and hand it to all others.

    Args:
        make: what it returns must be picklable.

    Raises:
        Exception: whatever ``make`` raises, in the first process.
        FirstProcessError: in the others, instead.
    """
    if not together():
        return make()
    answer: list[tuple[bool, T | None]] = [(False, None)]
    if rank() == 0:
        try:
            answer = [(True, make())]
        finally:  # after an error, too, the others wait for an answer
            distributed.broadcast_object_list(answer, src=0)
    else:
        distributed.broadcast_object_list(answer, src=0)
    ((done, made),) = answer
    if not done:
        raise FirstProcessError("the first process failed")
    return made  # type: ignore[return-value]


def summed(tensor: Tensor) -> Tensor:
    """The sum of the processes' tensors, which have equal shapes and types, on the tensor's device."""
    return _reduced(tensor, distributed.ReduceOp.SUM)


def largest(tensor: Tensor) -> Tensor:
    """The largest of the processes' tensors, element by element; as with `summed`."""
    return _reduced(tensor, distributed.ReduceOp.MAX)


def _reduced(tensor: Tensor, operation: distributed.ReduceOp.RedOpType) -> Tensor:
    if not together():
        return tensor
    # NCCL knows only tensors on the GPU
    on_gpu = distributed.get_backend() == "nccl"
    reduced = tensor.to(torch.device("cuda", torch.cuda.current_device())) if on_gpu else tensor.clone()
    distributed.all_reduce(reduced, operation)
    return reduced.to(tensor.device)
