"""VQ-VAE: a codebook as the prior (van den Oord, Vinyals and Kavukcuoglu, 2017)."""

import dataclasses
import math

import keras
from keras import ops

import keras_vae as kv
from keras_vae.distributions import Distribution, register_kl_divergence


@dataclasses.dataclass(frozen=True, eq=False)
class Codes(Distribution):
    """Uniform over the rows of a codebook `(codes, width)`."""

    codebook: object
    batch_size: object = 1

    def log_prob(self, value):
        return ops.zeros(ops.shape(value)[:-1]) - math.log(self.codebook.shape[0])

    def sample(self, seed=None, num_samples=None):
        shape = (self.batch_size,) if num_samples is None else (num_samples, self.batch_size)
        return ops.take(self.codebook, keras.random.randint(shape, 0, self.codebook.shape[0], seed=seed), axis=0)

    def tempered(self, temperature):
        return self

    def mean(self):
        return ops.broadcast_to(ops.mean(self.codebook, axis=0), (self.batch_size, self.codebook.shape[1]))


@dataclasses.dataclass(frozen=True, eq=False)
class Quantised(Distribution):
    """The nearest code of an encoded point, with the gradient of the point itself."""

    encoded: object
    codebook: object

    def nearest(self):
        distances = ops.sum(ops.square(self.encoded[:, None] - self.codebook[None]), axis=-1)
        return ops.take(self.codebook, ops.argmin(distances, axis=1), axis=0)

    def mean(self):
        return self.encoded + ops.stop_gradient(self.nearest() - self.encoded)

    def sample(self, seed=None, num_samples=None):
        return self.mean() if num_samples is None else ops.repeat(self.mean()[None], num_samples, axis=0)

    def log_prob(self, value):
        return ops.zeros(ops.shape(value)[:-1])


@register_kl_divergence(Quantised, Codes, factorises=False)
def kl_of_a_code(q, p):
    return ops.zeros(ops.shape(q.encoded)[:1]) + math.log(p.codebook.shape[0])


@keras.saving.register_keras_serializable("tests_wide")
class Codebook(kv.priors.Prior):
    latent_space = "codes"
    distribution_class = Codes

    def build(self, context_shape, latent_shape, data_spec=None):
        super().build(context_shape, latent_shape, data_spec)
        self.codebook = self.add_weight(name="codebook", shape=(16, *self.latent_shape), autocast=False)

    def distribution(self, context, *, encode=None):
        return Codes(ops.convert_to_tensor(self.codebook), ops.shape(context)[0])


@keras.saving.register_keras_serializable("tests_wide")
class Nearest(kv.posteriors.Posterior):
    latent_space = "codes"
    requires_prior = True

    def build(self, features_shape, context_shape, latent_shape):
        super().build(features_shape, context_shape, latent_shape)
        self.head = kv.layers.Projection(self.latent_shape, dtype=self.dtype_policy)
        self.head.build(features_shape)

    def distribution(self, features, context, *, prior=None):
        return Quantised(self.head(features), prior.codebook)


@keras.saving.register_keras_serializable("tests_wide")
class Commitment(kv.objectives.Objective):
    """Reconstruction, the codebook's loss, and a quarter of the commitment loss."""

    def loss(self, terms):
        (q,) = terms.posterior
        near = q.nearest()
        codebook = ops.sum(ops.square(near - ops.stop_gradient(q.encoded)), axis=1)
        commitment = ops.sum(ops.square(ops.stop_gradient(near) - q.encoded), axis=1)
        return codebook + 0.25 * commitment - ops.mean(terms.log_likelihood, axis=1)
