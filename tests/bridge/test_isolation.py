"""Functions in a process of their own: they answer, refuse, and may crash without taking the tests with them."""

import os
import signal

import numpy as np
import pytest
from nested_models import dense

from bridge.error import BridgeError
from bridge.isolation import isolated
from bridge.runtimes import run_each, run_litert, run_micro
from bridge.settings import BuildSettings


def test_what_it_returns_comes_back():
    example = dense(np.random.default_rng(0))
    inputs = example.inputs(np.random.default_rng(1), 5)
    (outputs,) = isolated("LiteRT", run_each, run_litert, [(example.data, inputs)])
    np.testing.assert_array_equal(outputs, run_litert(example.data, inputs))
    ((outputs, arena),) = isolated("TensorFlow Lite Micro", run_each, run_micro, [(example.data, inputs)])
    np.testing.assert_array_equal(outputs, run_micro(example.data, inputs)[0])
    assert arena == run_micro(example.data, inputs)[1]


def test_what_it_refuses_is_refused():
    with pytest.raises(BridgeError, match="--percentile must lie between 90 and 100, not be 3"):
        isolated("settings", BuildSettings, 0, (), "shared", "full", 3.0)


@pytest.mark.parametrize(
    "function, arguments, reason",
    [
        (os.abort, (), "LiteRT ended without an answer, by signal SIGABRT"),
        (signal.raise_signal, (signal.SIGSEGV,), "LiteRT ended without an answer, by signal SIGSEGV"),
        (os._exit, (3,), "LiteRT ended without an answer, by exit status 3"),
        (int, ("x",), "by exit status 1; its last words: ValueError: invalid literal for int"),
    ],
)
def test_a_crash_is_said_in_a_sentence(function, arguments, reason):
    with pytest.raises(BridgeError, match=reason):
        isolated("LiteRT", function, *arguments)
