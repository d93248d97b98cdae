"""torch: steps that are recorded and replayed train as Keras' own do, with every registered component."""

import warnings

import keras
import numpy as np
import pytest

from keras_vae.testing.subject import Subject
from tests.contracts.cases import CASES

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="other backends trace their steps")

# Components whose step cannot be recorded: chains seed their draws by other draws, beta draws read their seed, and the
# density of a mixture chooses between two ways to compute it.
ONE_BY_ONE = [
    ("latents", "markov"),
    ("posteriors", "von_mises_fisher"),
    ("priors", "mixture"),
    ("priors", "uniform_sphere"),
    ("priors", "vamp"),
]


def model_of(family, name, steps, jit_compile=False):
    case = {**CASES[family, name]}
    known = {key: case[key] for key in ("latent_dim", "data_shape", "data", "vae") if key in case}
    subject = Subject(family if family == "latents" else family.removesuffix("s"), case["make"], **known)
    keras.utils.set_random_seed(0)
    vae, x = subject.model("float32")
    vae.compile(keras.optimizers.Adam(0.01), steps_per_execution=steps, jit_compile=jit_compile)
    return vae, np.concatenate([x] * 3)


def losses_of(vae, x):
    y = np.zeros((len(x), 1), "float32") if vae.objective.uses_y else None
    return vae.fit(x, y, batch_size=3, epochs=2, shuffle=False, verbose=0).history["loss"]


@pytest.mark.parametrize(("family", "name"), sorted(CASES), ids=lambda value: value)
def test_recorded_steps_train_as_single_ones(family, name):
    if CASES[family, name].get("only_on", "torch") != "torch":
        pytest.skip("tensorflow_probability's objects run on TensorFlow only")
    single = losses_of(*model_of(family, name, 1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        several = losses_of(*model_of(family, name, 4))
    reasons = [str(each.message) for each in caught if "one by one" in str(each.message)]
    np.testing.assert_allclose(several, single, rtol=1e-4)
    assert len(reasons) == ((family, name) in ONE_BY_ONE)
    assert all("value of a tensor" in reason for reason in reasons)
