"""The tables of all networks have a row for each that is registered, and the commands run."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.benchmarks import decoding, networks
from tests.registered import own


def parts_of(network):
    """A network and those inside of it."""
    inner = (*getattr(network, "parts", {}).values(), getattr(network, "encoder", None), getattr(network, "network", 0))
    return [network, *(part for each in inner if each for part in parts_of(each))]


@pytest.mark.on_torch
def test_every_registered_network_has_a_row():
    seen = {"encoder": set(), "decoder": set()}
    for make in networks.NETWORKS.values():
        for which, family in (("encoder", kv.registry.encoders), ("decoder", kv.registry.decoders)):
            network = make(kv)[which]
            network = family.get(network) if isinstance(network, str) else network
            seen[which] |= {type(part) for part in parts_of(network)}
    for which, family in (("encoder", kv.registry.encoders), ("decoder", kv.registry.decoders)):
        assert set(own(family).values()) <= seen[which]


@pytest.mark.on_torch
def test_every_autoregressive_decoder_has_a_row():
    autoregressive = {cls for cls in own(kv.registry.decoders).values() if issubclass(cls, kv.decoders.Autoregressive)}
    assert autoregressive == {cls for cls, _ in decoding.DECODERS.values()}
    assert all(cls.carries_state for cls in autoregressive)


@pytest.mark.on_torch
def test_prints_a_row(capsys):
    networks.main(["--networks", "mlp", "--backends", keras.backend.backend(), "--seconds", "0", "--rounds", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert f"keras {keras.__version__}" in lines[0]
    name, speed, times = (cell.strip() for cell in lines[-1].split("|")[1:-1])
    assert name == "mlp"
    assert float(speed) > 0
    assert float(times) == 1.0


def test_the_slowest_is_compared_with_the_fastest():
    speeds = {"a": 30.0, "b": 10.0, "c": 20.0}
    assert networks.row("conv", speeds, {}) == "| conv | 30.0 | 10.0 | 20.0 | 3.0 |"
    starts = {"a": 1.0, "b": 0.25, "c": 9.0}
    assert networks.row("conv", speeds, starts) == "| conv | 30.0 (1.0 s) | 10.0 (0.2 s) | 20.0 (9.0 s) | 3.0 |"


@pytest.mark.parametrize(("column", "compiled"), [("torch", None), ("torch-inductor", True), ("tensorflow-xla", True)])
def test_columns_of_compiled_steps(column, compiled, monkeypatch):
    monkeypatch.setattr(networks, "Answering", lambda command, env: env)
    env = networks.process_on(column)
    assert env["KERAS_BACKEND"] == column.partition("-")[0]
    assert (networks.JIT_COMPILE in env) == bool(compiled)
    monkeypatch.setenv(networks.JIT_COMPILE, "1")
    vae, _ = networks.make_model("mlp")
    assert vae.jit_compile is True


def test_data_are_what_the_likelihood_accepts():
    likelihood = kv.likelihoods.DiscretizedLogistic()
    assert networks.make_data((2, 2, 3), likelihood, 4).dtype == np.uint8
    assert networks.make_data((5, 2), kv.likelihoods.Gaussian(), 4).shape == (4, 5, 2)


@pytest.mark.parametrize(("name", "shape"), [("transformer", (4, 3)), ("pixel_cnn", (4, 4, 1))])
def test_both_ways_of_decoding_give_the_same(name, shape):
    seconds, difference = decoding.measure(name, 1, shape)
    assert difference < 1e-5
    assert min(seconds.values()) > 0
