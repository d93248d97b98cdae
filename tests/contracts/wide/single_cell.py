"""scVI: counts of genes with size factors, and a latent size of each cell's library (Lopez et al., 2018)."""

import keras
from keras import ops

import keras_vae as kv


@keras.saving.register_keras_serializable("tests_wide")
class CellDecoder(kv.decoders.Decoder):
    """Latents `(batch, width + 1)`, the last of them the log size: `[features, log size]`."""

    def build(self, z_shape, target_shape=None):
        self.dense = keras.layers.Dense(8, activation="relu")
        self.dense.build((None, z_shape[-1] - 1))

    def call(self, z, target=None, mask=None, training=None):
        return [self.dense(z[:, :-1]), z[:, -1:]]

    def compute_output_shape(self, z_shape, target_shape=None):
        return [(None, 8), (None, 1)]


@keras.saving.register_keras_serializable("tests_wide")
class CellCounts(kv.likelihoods.Likelihood):
    """Negative binomial counts of mean exposure * exp(log size) * softmax(features)."""

    support = kv.data.Support(0.0, integer=True)
    parameter_names = ("log_mean",)
    exposure = True

    def build(self, features_shape, data_shape=None):
        self.data_shape = tuple(data_shape)
        self.genes = keras.layers.Dense(self.data_shape[0], dtype=self.dtype_policy)
        self.genes.build(features_shape[0])
        self.log_dispersion = self.add_weight(name="log_dispersion", shape=self.data_shape, autocast=False)

    def call(self, features):
        features, log_size = features
        log_share = ops.log_softmax(ops.cast(self.genes(features), "float32"))
        return {"log_mean": ops.cast(log_size, "float32") + log_share}

    def exposed(self, params, exposure):
        return {"log_mean": params["log_mean"] + ops.log(ops.cast(exposure, "float32"))[:, None]}

    def distribution(self, params, mask=None):
        log_dispersion = ops.broadcast_to(ops.convert_to_tensor(self.log_dispersion), ops.shape(params["log_mean"]))
        return kv.distributions.NegativeBinomial(params["log_mean"], log_dispersion, event_ndims=1, mask=mask)

    def to_network(self, x):
        return ops.log1p(ops.cast(x, "float32"))
