"""The state of a walk over an exported graph: what each tensor's axes are, and what was seen on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..coupling import Coupling, Positions


class NestingError(ValueError):
    """A model that can't be nested; the message names the module and the reason.

    Example:
        >>> import torch
        >>> import reds_torch as reds
        >>> try:
        ...     reds.nest(torch.nn.Linear(3, 4), torch.zeros(1, 3))
        ... except reds.NestingError as error:
        ...     print(error)
        the model has no units to cut: it needs at least one layer whose outputs only other layers read ...
    """


@dataclass(frozen=True, slots=True)
class Step:
    """One operator of the execution: indices into `Trace.activations` that it reads and writes."""

    name: str
    reads: tuple[int, ...]
    writes: int


@dataclass(frozen=True)
class Value:
    """A tensor of the walk: its axes' positions (``None``: never cut), the activation it lives in.

    A parameter, a buffer, or what is made of nothing else (a mask, a row of position embeddings) is no activation;
    ``parameter`` is the name of the one that it is, is a part of or is computed from.
    """

    shape: tuple[int, ...]
    axes: tuple[Positions | None, ...]
    activation: int | None = None
    parameter: str | None = None

    def viewed(self, shape: Sequence[int], axes: Iterable[Positions | None]) -> Value:
        """The same memory with other axes."""
        return Value(tuple(shape), tuple(axes), self.activation, self.parameter)


@dataclass(frozen=True)
class Multiplication:
    """Where multiply-accumulates happen: their number is the elements of ``factors`` times ``times``."""

    module: str
    kind: str
    factors: Value
    times: int
    output: Value
    weight: str | None


@dataclass(frozen=True)
class Refusal:
    """An operator that can't be nested, where it is, and why."""

    module: str
    operator: str
    reason: str


@dataclass(frozen=True)
class Producer:
    """Positions that come into being as a layer's outputs, with those of its inputs."""

    parameter: str
    outputs: Positions
    inputs: Positions | None


class Walk:
    """The state of one walk over an exported graph; the operators' rules call its methods."""

    def __init__(self, batch: int) -> None:
        self.coupling = Coupling()
        self.batch = batch
        self.parameters: dict[str, Value] = {}
        self.producers: list[Producer] = []
        self.activations: list[Value] = []
        self.steps: list[Step] = []
        self.layers: list[Multiplication] = []
        # (module, positions of an axis) that it reshapes: its attributes may hold the axis' length
        self.reshaped: list[tuple[str, Positions]] = []
        self.refused: list[Refusal] = []
        # of the operator that is being walked over: where it is, and whether the network's output depends on it
        self.module = ""
        self.needed = True

    def parameter(self, name: str, shape: Sequence[int]) -> Value:
        """A parameter or buffer: any axis may be cut if its partners are."""
        if name not in self.parameters:
            axes = tuple(self.coupling.new(n) if n > 1 else None for n in shape)
            self.parameters[name] = Value(tuple(shape), axes, parameter=name)
        return self.parameters[name]

    def input(self, shape: Sequence[int]) -> Value:
        """The network's input, never cut: it is there before the first step."""
        value = Value(tuple(shape), (None,) * len(shape), activation=len(self.activations))
        self.activations.append(value)
        return value

    def produce(self, weight: Value, outputs: int, inputs: int) -> Positions | None:
        """The positions of a weight's axis ``outputs``, which come into being there."""
        positions = weight.axes[outputs]
        if positions is not None and all(known.outputs is not positions for known in self.producers):
            if weight.parameter is None:
                raise NestingError("whose weights the network computes itself")
            self.producers.append(Producer(weight.parameter, positions, weight.axes[inputs]))
        return positions

    def store(self, shape: Sequence[int], axes: Iterable[Positions | None], reads: Iterable[Value]) -> Value:
        """The output of an operator: a new activation, unless it reads parameters only."""
        reads = list(reads)
        sources = dict.fromkeys(v.activation for v in reads if v.activation is not None)
        if not sources:
            return Value(tuple(shape), tuple(axes), parameter=next((v.parameter for v in reads if v.parameter), None))
        index = len(self.activations)
        value = Value(tuple(shape), tuple(axes), activation=index)
        self.activations.append(value)
        self.steps.append(Step(self.module, tuple(sources), index))
        return value

    def multiply(self, kind: str, factors: Value, times: int, output: Value, weight: Value | None = None) -> None:
        """Record a layer that multiplies: each element of ``factors`` is used so many times in a batch."""
        name = None if weight is None else weight.parameter
        self.layers.append(Multiplication(self.module, kind, factors, times, output, name))

    def pin(self, *values: Value) -> None:
        """No axis of these tensors is ever cut."""
        for value in values:
            for axis in value.axes:
                self.coupling.pin(axis)
