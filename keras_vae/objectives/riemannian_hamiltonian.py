"""The bound of the Riemannian Hamiltonian variational autoencoder."""

from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_int, positive_ints, positive_number
from keras_vae.distributions.draws import other_noise
from keras_vae.hints import Config, Ints, Tensor
from keras_vae.objectives.hamiltonian import quadratic_cooling
from keras_vae.objectives.log_joint import LogJoint, require_one_real_level
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.riemannian_metric import Metric, MetricNetwork
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["RiemannianHamiltonian"]


@objectives.register("riemannian_hamiltonian", package="keras_vae")
class RiemannianHamiltonian(Objective):
    """The Hamiltonian bound on a Riemannian manifold whose metric is learned (Chadebec et al., 2020).

    As `Hamiltonian`, with the momentum from N(0, G(z) / beta_zero) and the Hamiltonian
    -log p(x, z) + (r' G(z)^-1 r + log det G(z)) / 2, whose steps are implicit and solved by fixed-point iterations. The
    loss is in nats. The metric G is short where posterior means are, and long elsewhere:
    `keras_vae.objectives.riemannian_metric.Metric`. Its matrices come from a small network over the encoder's features.

    In a training step the metric is that of the batch, as in the paper, so examples depend on each other.
    The means and matrices of the last `centroids` examples that were trained on are kept as weights, saved with the
    model, and make the metric of evaluations; before the first step that one is flat. One level of vectors of reals.

    Args:
        steps: number of leapfrog steps.
        step_size: length of a step.
        fixed_points: iterations of each implicit half of a step. The bound holds where they have converged, so steps
            must be short.
        beta_zero: inverse temperature at the start, above 0 and at most 1, which is no tempering; it rises to 1 by
            the quadratic scheme.
        temperature: T of the metric: how far a centroid reaches.
        regularization: lambda of the metric: G far from all centroids is I / lambda.
        centroids: number of examples kept for evaluations.
        hidden_units: width of each hidden layer of the metric's network.
        num_samples: number of latents drawn for each example in a training step.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments; when built for other latents, or features of several tensors or unknown shape.

    Example:

    >>> import keras_vae as kv
    >>> objective = kv.objectives.RiemannianHamiltonian(steps=2, hidden_units=(16,))
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective=objective)
    """

    needs_densities = True

    def __init__(
        self,
        steps: int = 3,
        step_size: float = 0.01,
        fixed_points: int = 3,
        beta_zero: float = 0.3,
        temperature: float = 1.5,
        regularization: float = 0.01,
        centroids: int = 200,
        hidden_units: Ints = (128,),
        num_samples: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.steps = positive_int(steps, "steps")
        self.step_size = positive_number(step_size, "step_size")
        self.fixed_points = positive_int(fixed_points, "fixed_points")
        self.beta_zero = positive_number(beta_zero, "beta_zero")
        if self.beta_zero > 1.0:
            raise ValueError(f"Argument `beta_zero` must be at most 1. Received: beta_zero={beta_zero!r}")
        self.temperature = positive_number(temperature, "temperature")
        self.regularization = positive_number(regularization, "regularization")
        self.centroids = positive_int(centroids, "centroids")
        self.hidden_units = positive_ints(hidden_units, "hidden_units")
        self.num_samples = positive_int(num_samples, "num_samples")

    def build(self, spec: dict[str, Any]) -> None:
        shape = require_one_real_level("riemannian_hamiltonian", spec)
        features_shape = spec["features_shape"]
        one = isinstance(features_shape, (list, tuple)) and all(isinstance(n, int) for n in features_shape[1:])
        if len(shape) != 1 or not one:
            raise ValueError(
                "The objective 'riemannian_hamiltonian' needs vectors as latents, and an encoder that returns one "
                f"tensor of a known shape. Received: latents of shape {shape}, features of shape {features_shape}"
            )
        (width,) = shape
        self.network = MetricNetwork(width, self.hidden_units, dtype=self.dtype_policy, name="metric")
        self.network.build(tuple(features_shape))
        self.network.built = True
        options = {"initializer": "zeros", "dtype": "float32", "trainable": False, "autocast": False}
        # Matrices of zeros add nothing to the metric: it needs no count of the rows in use.
        self.kept_means = self.add_weight(name="means", shape=(self.centroids, width), **options)
        self.kept_matrices = self.add_weight(name="matrices", shape=(self.centroids, width, width), **options)

    def metric(self, terms: Terms) -> Metric:
        """The metric of a batch in a training step, which it also keeps; else that of what was kept.

        Args:
            terms: the terms of the batch.
        """
        means, matrices = ops.convert_to_tensor(self.kept_means), ops.convert_to_tensor(self.kept_matrices)
        if terms.training:
            kept = means, matrices
            means, matrices = terms.levels[0].posterior.mean(), self.network(terms.features, training=True)
            for weight, old, new in zip((self.kept_means, self.kept_matrices), kept, (means, matrices), strict=True):
                latest = ops.concatenate([ops.stop_gradient(new), old])[: self.centroids]
                weight.assign(ops.reshape(latest, weight.shape))
        return Metric(means, matrices, self.temperature, self.regularization)

    def move(self, metric: Metric, log_joint: LogJoint, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Where the draws and their momentum end, both `(batch, d)`, or `(samples, batch, d)`.

        Args:
            metric: of the latents.
            log_joint: log p(x, z) of the terms of a batch.
            noise: standard normal, of the same shape.
        """
        shape, half = ops.shape(noise), 0.5 * self.step_size

        def force(z: Tensor) -> Tensor:
            return ops.reshape(log_joint.gradient(ops.reshape(z, shape)), ops.shape(z))

        z = ops.reshape(log_joint.level.z, (-1, shape[-1]))
        root, _ = metric.root(z)
        momentum = ops.einsum("rji,rj->ri", root, ops.reshape(noise, (-1, shape[-1]))) / self.beta_zero**0.5
        pull = force(z)
        for cooling in quadratic_cooling(self.beta_zero**0.5, self.steps):
            start = momentum
            for _ in range(self.fixed_points):
                momentum = start + half * (pull - metric.slope(z, momentum, root))
            first, here = z, ops.einsum("rij,rj->ri", metric.inverse(z), momentum)
            for _ in range(self.fixed_points):
                z = first + half * (here + ops.einsum("rij,rj->ri", metric.inverse(z), momentum))
            pull, (root, _) = force(z), metric.root(z)
            momentum = cooling * (momentum + half * (pull - metric.slope(z, momentum, root)))
        return ops.reshape(z, shape), ops.reshape(momentum, shape)

    def loss(self, terms: Terms) -> Tensor:
        log_joint, metric = LogJoint(terms), self.metric(terms)
        start = log_joint.level.z
        noise = keras.random.normal(ops.shape(start), dtype="float32", seed=other_noise(terms.seed, 2))
        z, momentum = self.move(metric, log_joint, noise)

        def energy(z: Tensor, squared: Tensor) -> Tensor:
            total = 0.5 * (squared + metric.root(ops.reshape(z, (-1, z.shape[-1])))[1])
            return log_joint.by_example(ops.reshape(total, ops.shape(z)[:-1]))

        rows = (-1, start.shape[-1])
        end = energy(z, metric.lengths(ops.reshape(z, rows), ops.reshape(momentum, rows)))
        before = energy(start, ops.sum(ops.square(ops.reshape(noise, rows)), axis=-1))
        return ops.mean(log_joint.log_q - log_joint(z) + end - before, axis=1)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "steps": self.steps,
            "step_size": self.step_size,
            "fixed_points": self.fixed_points,
            "beta_zero": self.beta_zero,
            "temperature": self.temperature,
            "regularization": self.regularization,
            "centroids": self.centroids,
            "hidden_units": self.hidden_units,
            "num_samples": self.num_samples,
        }
