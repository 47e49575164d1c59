"""Networks that were converted to float32 models: once for all tests, and once for all runs of the tests.

Where the bridge can't run, its tests are skipped and say why; nothing is imported here that it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge.requirements import unmet_requirement
from reds_torch.nested.network import NestedNetwork
from reds_torch.system.atomic import replacing

if TYPE_CHECKING:
    import onnx

    from bridge.conversion.converter import FloatModel

Convert = Callable[[Sequence["onnx.ModelProto"]], list[bytes]]
UNMET = unmet_requirement()


class SkippedModule(pytest.Module):
    """Tests that are not even imported."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        pytest.skip(str(UNMET), allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """The modules of this folder as they are, or skipped."""
    return None if UNMET is None else SkippedModule.from_parent(parent, path=module_path)


@pytest.fixture(scope="session")
def converted(pytestconfig: pytest.Config) -> Convert:
    """Converts graphs, keeping the results in pytest's cache, since onnx2tf takes seconds for each."""
    from bridge.conversion.onnx2tf_process import convert

    folder = pytestconfig.cache.mkdir(f"onnx2tf-{version('onnx2tf')}")

    def convert_or_remember(graphs: Sequence[onnx.ModelProto]) -> list[bytes]:
        files = [folder / f"{sha256(graph.SerializeToString()).hexdigest()}.tflite" for graph in graphs]
        missing = [i for i, file in enumerate(files) if not file.exists()]
        for i, model in zip(missing, convert(*(graphs[i] for i in missing)) if missing else [], strict=True):
            with replacing(files[i]) as temporary:
                temporary.write_bytes(model)
        return [file.read_bytes() for file in files]

    return convert_or_remember


@pytest.fixture(scope="session")
def float_models(converted: Convert) -> dict[str, tuple[NestedNetwork, FloatModel]]:
    """Every network of `networks` and its float32 model; of one a model whose full network is subnetwork 1, too."""
    from networks import NETWORKS, network

    from bridge.conversion.converter import export_subnetworks, to_float

    wanted = {**{name: (name, 0) for name in NETWORKS}, "separable from 1": ("separable", 1)}
    nets = {key: network(name) for key, (name, _) in wanted.items()}
    graphs = {key: export_subnetworks(nets[key], first) for key, (_, first) in wanted.items()}
    models = converted([of_net[0] for of_net in graphs.values()])
    return {
        key: (nets[key], to_float(nets[key], graphs[key], model)) for key, model in zip(wanted, models, strict=True)
    }
