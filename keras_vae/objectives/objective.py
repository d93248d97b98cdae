"""The contract of an objective."""

from typing import Any

import keras
import numpy as np

from keras_vae.arguments import finite_number
from keras_vae.data.support import Support
from keras_vae.hints import Array, Config, Tensor
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["Objective"]


@objectives.contract
class Objective(keras.layers.Layer):
    """What is minimised: from the terms of a batch to a loss for every example.

    A layer without `call`: it may own weights and metrics, and it implements `loss(terms)`. Terms that it does not read
    are not computed. Log densities and KLs are float32 and in nats:

    | term | shape | what |
    |---|---|---|
    | `x`, `target` | `(batch, *data_shape)` | the data, and what is reconstructed |
    | `y` | as given | the targets `y` of `fit`, for an objective with `uses_y` |
    | `condition`, `labelled` | `(batch, *condition_shape)`, `(batch,)` | the condition, and which rows have one |
    | `mask` | `(batch, time)` or None | the valid steps |
    | `training` | bool | whether this is a training step |
    | `features` | `(batch, ...)` | what the encoder returns |
    | `log_likelihood` | `(batch, samples)` | log p(x given z) |
    | `log_likelihood_per_element` | `(batch, *data_shape)` | its terms, averaged over the samples |
    | `kl` | `(batch, levels)` | KL of every level, in closed form or at the draws |
    | `log_ratio` | `(batch, samples, levels)` | log p(z) - log q(z given x) at the draws |
    | `log_weights` | `(batch, samples)` | log p(x, z) - log q(z given x), the log importance weights |
    | `kl_per_dimension` | one `(batch, *latent)` for each level | closed-form KL of every dimension |
    | `levels` | one `LatentLevel` for each level | `posterior` and `prior` as values, draw `z`, `log_q` |
    | `posterior` | one value for each level | q(z given x) |
    | `z`, `prior_z` | one `(batch, samples, *latent)` for each level | draws from posterior and prior |
    | `likelihood` | a value of `samples * batch` rows | p(x given z) |
    | `decoder_weights` | list | the trained weights of decoder and likelihood |
    | `latents` | one `(samples * batch, *latent)` for each level | the draws as rows, samples first |
    | `decode(z)` | a value | another pass through decoder and likelihood |
    | `log_likelihood_of(z)` | `(batch, samples)` | log p(x given z) at other latents |
    | `given(condition)` | terms | another pass under another condition |
    | `given_each(conditions)` | terms of `conditions * batch` rows | a pass under each of several conditions |
    | `prior_sample(seed)` | for each level `(samples * batch, *latent)` | draws from the prior |

    >>> from keras import ops
    >>> import keras_vae as kv
    >>> class Half(kv.objectives.Objective):
    ...     def loss(self, terms):
    ...         return -ops.mean(terms.log_likelihood, axis=1) + 0.5 * ops.sum(terms.kl, axis=1)
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective=Half())

    Attributes:
        num_samples: number of latents drawn for each example in a training step.
        uses_y: True if the `y` of `fit` is a target of the objective, in `terms.y`. Otherwise `y` is reconstructed in
            place of x.
        y_support: the values that `y` may have, a `keras_vae.data.Support`, which `fit` and `evaluate` check; None for
            any finite numbers.
        y_missing: the value that marks a row of `y` without a label, or None.
        partly_labelled: True if rows may lack their condition (NaN, or a label of -1), because the objective
            marginalises over it with `terms.given` or `terms.given_each`.
        needs_densities: True if log p(x | z) must be a log density, as in bounds that are made of importance weights.
        independent_draws: True if the draws for an example must not depend on each other: the loss is no mean over
            draws, and its gradient takes those of the posterior's density for zero. Mixtures stratify them otherwise.
        default_posterior: name of the posterior of a model that is created without one.
    """

    num_samples = 1
    uses_y = False
    y_support: Support | None = None
    y_missing: float | None = None
    partly_labelled = False
    needs_densities = False
    independent_draws = False
    default_posterior = "gaussian"
    _factors: frozenset[str] = frozenset()
    """Names of the variables of `add_factor`."""

    def add_factor(self, name: str, value: float) -> keras.Variable:
        """A float32 number that callbacks may change during training, such as `beta`; it is not trained.

        Once it is an attribute, setting that to a number assigns the number: `objective.beta = 0.5` is
        `objective.beta.assign(0.5)`.

        Args:
            name: its name among the weights.
            value: its first value.
        """
        self._factors |= {name}
        return self.add_weight(
            name=name,
            shape=(),
            initializer=keras.initializers.Constant(value),
            dtype="float32",
            trainable=False,
            autocast=False,
        )

    def __setattr__(self, name: str, value: Any) -> None:
        factor: Any = vars(self).get(name)
        is_factor = isinstance(factor, keras.Variable) and factor.name in self._factors
        if is_factor and not any(value is own for own in self.non_trainable_variables):
            # A float in its place would not be saved, and a compiled step would go on with the variable.
            factor.assign(finite_number(as_scalar(value), name))
        else:
            super().__setattr__(name, value)

    def build(self, spec: dict[str, Any]) -> None:
        """Create weights whose shapes depend on the model; none by default.

        Metrics created here or in the constructor are logged under their `name`, so give them one: a
        `keras.metrics.Mean()` is logged as `mean`. `loss` updates them.

        Args:
            spec: dict of shapes of one example: `data_shape`, `network_shape` (what the encoder sees), `latent_shapes`
                (one for each level), `decoder_input_shape`, `features_shape` (batch axis included), `condition_shape`
                (or None) and `context_width`; and `components`, with the attributes `latents` and `decoder`, to read.
        """

    def check_condition(self, condition: Array) -> None:
        """Refuse conditions that the objective cannot use; none by default.

        Args:
            condition: `(n, *condition_shape)`, as given: NaN, or a label of -1, where one may be missing and is.
        """

    def count_labels(self, counts: tuple[float, float] | None) -> None:
        """Take note of how many rows `fit` trains on and how many have a condition, where some may lack it.

        Args:
            counts: both, their weights added up; None for a dataset, which `fit` does not read before training.
        """

    def loss(self, terms: Terms) -> Tensor:
        """Loss of every example, in nats, `(batch,)`; a scalar is the loss of each of them.

        Args:
            terms: see the table of the class.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `loss(terms)`.")

    def get_build_config(self) -> None:
        """None: the model knows the shapes, and builds its objective."""

    def build_from_config(self, config: Config) -> None:
        # See `get_build_config`.
        del config


def as_scalar(value: Any) -> Any:
    """The number in an array or a tensor of shape `()`; anything else as it is."""
    if keras.ops.is_tensor(value):
        value = keras.ops.convert_to_numpy(value)
    return value.item() if isinstance(value, (np.ndarray, np.generic)) and value.shape == () else value
