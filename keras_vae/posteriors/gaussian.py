"""The diagonal Gaussian posterior."""

from keras import ops

from keras_vae.distributions.gaussian import Gaussian as GaussianDistribution
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.layers.projection import Projection
from keras_vae.posteriors.posterior import Posterior
from keras_vae.registry import posteriors

__all__ = ["Gaussian"]


@posteriors.register("gaussian", package="keras_vae")
class Gaussian(Posterior):
    """q(z | x) = N(z_mean(x), diag exp(z_log_var(x))), as in Kingma and Welling (2014).

    Both are linear in the encoder's features and in the context. The log variance starts at zero, and
    is clipped to `keras_vae.distributions.LOG_VAR_RANGE`.

    Args:
        project: with False, the encoder's output is taken as the parameters: a list
            `[z_mean, z_log_var]`, or one tensor with both along its last axis.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: when built on features that do not fit.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> posterior = kv.posteriors.Gaussian()
    >>> posterior.build((None, 8), (None, 0), (3,))
    >>> q = posterior.distribution(ops.ones((5, 8)), ops.zeros((5, 0)))
    >>> tuple(q.log_var.shape)
    (5, 3)
    """

    distribution_class = GaussianDistribution

    def __init__(self, project=True, **kwargs):
        super().__init__(**kwargs)
        self.project = project

    def build(self, evidence_shape, context_shape, latent_shape):
        super().build(evidence_shape, context_shape, latent_shape)
        if not self.project:
            self._check_parameters(evidence_shape)
            return
        evidence_shape = self.require_single_evidence(evidence_shape)
        input_shape = width_with_context(evidence_shape, context_shape)
        self.mean_head = Projection(self.latent_shape, dtype=self.dtype_policy, name="z_mean")
        self.log_var_head = Projection(
            self.latent_shape, kernel_initializer="zeros", dtype=self.dtype_policy, name="z_log_var"
        )
        self.mean_head.build(input_shape)
        self.log_var_head.build(input_shape)

    def _check_parameters(self, evidence_shape):
        several = bool(evidence_shape) and isinstance(evidence_shape[0], (list, tuple))
        shapes = [tuple(shape)[1:] for shape in (evidence_shape if several else [evidence_shape])]
        doubled = (*self.latent_shape[:-1], 2 * self.latent_shape[-1])
        if shapes not in ([self.latent_shape] * 2, [doubled]):
            raise ValueError(
                "With project=False the encoder must give [z_mean, z_log_var], both of shape "
                f"{self.latent_shape} for each example, or one tensor of shape {doubled}. Received: {shapes}."
            )

    def distribution(self, evidence, context, *, prior=None):
        if self.project:
            features = concatenate_context(evidence, context)
            # call, not __call__: Dense casts for itself, and eager torch feels every layer it goes through
            loc, log_var = self.mean_head.call(features), self.log_var_head.call(features)
        else:
            loc, log_var = evidence if isinstance(evidence, (list, tuple)) else ops.split(evidence, 2, axis=-1)
        return GaussianDistribution(loc, log_var, event_ndims=len(self.latent_shape))

    def get_config(self):
        return {**super().get_config(), "project": self.project}
