"""The subnetwork that meets a deadline, on a clock of our own."""

import numpy as np
import pytest
import torch

import reds_torch as reds
from reds_torch.models.dnn import dnn
from reds_torch.runtime.adaptive import AdaptiveModel


class Machine:
    """Functions that take 8, 4 and 2 seconds, times the machine's load, without waiting."""

    def __init__(self):
        self.now, self.load = 0.0, 1.0
        self.runs = [lambda x, seconds=seconds: self.work(x, seconds) for seconds in (8.0, 4.0, 2.0)]

    def work(self, x, seconds):
        self.now += seconds * self.load
        return x, seconds

    def clock(self):
        return self.now


@pytest.fixture
def machine():
    return Machine()


def adaptive(machine, **settings):
    return AdaptiveModel(machine.runs, "example", clock=machine.clock, **settings)


@pytest.mark.parametrize(("deadline", "chosen"), [(9, 0), (8, 0), (7.9, 1), (4, 1), (3, 2), (2, 2), (1, 2)])
def test_the_largest_that_fits_runs_or_the_fastest(machine, deadline, chosen):
    answer = adaptive(machine)("x", deadline)
    assert answer.subnetwork == chosen
    assert answer.output == ("x", (8.0, 4.0, 2.0)[chosen])
    assert answer.seconds == (8.0, 4.0, 2.0)[chosen]


def test_a_loaded_machine_gets_smaller_subnetworks_and_larger_ones_return_with_it(machine):
    model = adaptive(machine, memory=0.0)
    assert model("x", 8).subnetwork == 0
    machine.load = 2.0
    assert [model("x", 8).subnetwork for _ in range(3)] == [0, 1, 1]  # the first finds out
    machine.load = 1.0
    assert [model("x", 8).subnetwork for _ in range(3)] == [1, 0, 0]


def test_memory_smooths_single_outliers(machine):
    model = adaptive(machine, memory=0.9)
    machine.load = 2.0
    model("x", 8)
    assert model.slowdown == pytest.approx(0.9 + 0.1 * 2)


@pytest.mark.parametrize(
    ("settings", "message"), [({"rounds": 0}, "rounds"), ({"memory": 1.0}, "memory"), ({"memory": -0.1}, "memory")]
)
def test_settings_are_checked(machine, settings, message):
    with pytest.raises(ValueError, match=message):
        adaptive(machine, **settings)


def test_no_subnetworks():
    with pytest.raises(ValueError, match="at least one"):
        AdaptiveModel([], "example")


def test_subnetworks_of_a_nested_network_answer_as_extracted_ones():
    net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
    net.subnetworks = reds.search(net, reds.score(net, criterion="l1"), {"macs": [0.5]}).subnetworks
    inputs = torch.randn(3, 1, 25, 10)
    model = AdaptiveModel.from_network(net, inputs, rounds=1)
    for deadline in (float("inf"), 0.0):
        answer = model(inputs, deadline)
        torch.testing.assert_close(answer.output, net.extract(answer.subnetwork).eval()(inputs))
    assert net.training


def dense_layer(tf, weights, inputs, quantized):
    """A TensorFlow Lite model of one product with a matrix."""
    function = tf.function(lambda x: tf.matmul(x, weights), input_signature=[tf.TensorSpec(inputs.shape)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    if quantized:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([v] for v in (inputs, -2 * inputs))
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def test_tflite_models_take_and_give_floats(tmp_path):
    tf = pytest.importorskip("tensorflow")
    pytest.importorskip("ai_edge_litert")
    rng = np.random.default_rng(0)
    inputs, weights = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 6), (6, 3)))
    paths = [tmp_path / "float.tflite", tmp_path / "int8.tflite"]
    for path, quantized in zip(paths, (False, True), strict=True):
        path.write_bytes(dense_layer(tf, weights, inputs, quantized))
    model = AdaptiveModel.from_tflite(paths, rounds=1)
    model.seconds = (1.0, 0.5)
    np.testing.assert_allclose(model(inputs, 2.0).output, inputs @ weights, rtol=1e-5)
    model.slowdown = 1.0
    np.testing.assert_allclose(model(inputs, 0.5).output, inputs @ weights, atol=0.15)
