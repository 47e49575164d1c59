"""The same for models that TensorFlow's converter wrote: quantized, with its metadata and signatures."""

import numpy as np
import pytest
from int8_models import unpack
from interpreters import litert, micro, reference_interpreter
from keras_models import RECIPES, examples
from simulation import Simulation

from bridge.model_file.flatbuffer import attach, metadata, read, read_table
from bridge.model_file.subnetworks import cut


@pytest.mark.parametrize("name", RECIPES)
def test_cut_models_compute_what_the_device_computes(name):
    random = np.random.default_rng(0)
    _, example = examples(name)
    data = attach(example.data, example.table(random, count=5))
    table, inputs = read_table(data), example.inputs(random, 200)
    device = Simulation(data, table)
    for k in range(5):
        np.testing.assert_array_equal(micro(cut(data, table, k), inputs), device.output(inputs, k))


@pytest.mark.parametrize("name", RECIPES)
def test_litert_is_within_one_step_of_each_operator(name):
    """LiteRT rounds once where the device rounds twice: on what LiteRT gave an operator, one step apart at most."""
    random = np.random.default_rng(0)
    _, example = examples(name)
    table = example.table(random, count=3)
    for k in range(3):
        data = cut(example.data, table, k)
        alone = Simulation(data)
        interpreter = reference_interpreter(data)
        for x in example.inputs(random, 20):
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x[np.newaxis])
            interpreter.invoke()
            written = {int(alone.graph.inputs[0]), *(int(op.outputs[0]) for op in alone.graph.operators)}
            values = {index: interpreter.get_tensor(index) for index in written}
            for index, operator in enumerate(alone.graph.operators):
                expected = alone.operator(index, values).astype(int)
                assert np.abs(expected - values[int(operator.outputs[0])]).max() <= 1, alone.name(index)


@pytest.mark.parametrize("name", RECIPES)
def test_model_with_a_table_is_the_model(name):
    """What the converter wrote beside the network stays, and both runtimes answer as before."""
    random = np.random.default_rng(0)
    _, example = examples(name)
    data, inputs = attach(example.data, example.table(random)), example.inputs(random, 5)
    np.testing.assert_array_equal(micro(data, inputs), micro(example.data, inputs))
    np.testing.assert_array_equal(litert(data, inputs), litert(example.data, inputs))
    small = cut(data, read_table(data), 3)
    for file in (data, small):
        for kept in ("min_runtime_version", "CONVERSION_METADATA"):
            assert metadata(read(file), kept) == metadata(read(example.data), kept) is not None
        signature = unpack(file).signatureDefs[0]
        assert [entry.tensorIndex for entry in signature.inputs] == list(unpack(file).subgraphs[0].inputs)
    assert metadata(read(small), "REDS") is None
    assert len(small) < len(example.data)


@pytest.mark.parametrize("name", RECIPES)
def test_float_models_keep_their_names_and_their_outputs(name):
    """Cut float32 models run on LiteRT; at full width they are the model; names are those of the full model."""
    random = np.random.default_rng(0)
    example, quantized = examples(name)
    table = example.table(random, count=3)
    inputs = random.normal(0, 1, quantized.inputs(random, 5).shape).astype(np.float32)
    names = [tensor.name for tensor in unpack(example.data).subgraphs[0].tensors]
    for k in range(3):
        small = cut(example.data, table, k)
        assert [tensor.name for tensor in unpack(small).subgraphs[0].tensors] == names
        outputs = litert(small, inputs)
        assert np.isfinite(outputs).all()
        if k == 0:
            np.testing.assert_array_equal(outputs, litert(example.data, inputs))
