"""A product of experts over several modalities, any of which may be missing (Wu and Goodman, 2018)."""

import keras
from keras import ops

import keras_vae as kv


@keras.saving.register_keras_serializable("tests_wide")
class Experts(kv.encoders.Encoder):
    """q(z | x) = N(0, 1) prod_m N(loc_m(x_m), var_m(x_m)) over the modalities that are there: `[mean, log_var]`."""

    def __init__(self, latent_dim=2, units=8, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim, self.units = latent_dim, units

    def build(self, input_shape):
        self.experts = {}
        for name, shape in input_shape.items():
            layers = [keras.layers.Dense(self.units, activation="tanh"), keras.layers.Dense(2 * self.latent_dim)]
            self.experts[name] = keras.Sequential(layers)
            self.experts[name].build(shape)

    def call(self, x, mask=None, training=None):
        precision, weighted = 1.0, 0.0
        for name, expert in self.experts.items():
            loc, log_var = ops.split(ops.cast(expert(x[name]), "float32"), 2, axis=-1)
            own = ops.exp(-ops.clip(log_var, -8.0, 8.0))
            if mask is not None and mask[name] is not None:
                own = own * ops.cast(ops.any(mask[name], axis=1, keepdims=True), "float32")
            precision, weighted = precision + own, weighted + own * loc
        return [weighted / precision, -ops.log(precision)]

    def compute_output_shape(self, input_shape):
        return [(None, self.latent_dim)] * 2

    def get_config(self):
        return {**super().get_config(), "latent_dim": self.latent_dim, "units": self.units}
