"""Discriminators inside an objective, trained by the same optimizer through a reversed gradient."""

import keras
from keras import ops

import keras_vae as kv


def reversed_gradient(x):
    """x itself, whose gradient has the other sign (Ganin and Lempitsky, 2015)."""
    return 2.0 * ops.stop_gradient(x) - x


def discriminator(width):
    layers = [keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Dropout(0.1, seed=0)]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.build((None, width))
    return model


def adversarial_loss(model, real, fake, training):
    """What the discriminator minimises, and what stands behind `fake` maximises: `(batch,)`."""
    logits = ops.cast(model(ops.concatenate([real, reversed_gradient(fake)]), training=training), "float32")[:, 0]
    on_real, on_fake = ops.split(logits, 2)
    return ops.softplus(-on_real) + ops.softplus(on_fake)


@keras.saving.register_keras_serializable("tests_wide")
class Adversarial(kv.objectives.ELBO):
    """The ELBO, and a discriminator of data against decoded draws from the prior (Larsen et al., 2016)."""

    def build(self, spec):
        (width,) = spec["data_shape"]
        self.discriminator = discriminator(width)
        self.tracker = keras.metrics.Mean(name="discriminator_loss")

    def loss(self, terms):
        fake = terms.decode(terms.prior_sample()).mean()
        adversarial = adversarial_loss(self.discriminator, ops.cast(terms.x, "float32"), fake, terms.training)
        self.tracker.update_state(adversarial)
        return super().loss(terms) + adversarial


@keras.saving.register_keras_serializable("tests_wide")
class Factor(kv.objectives.ELBO):
    """The ELBO, and a discriminator of z against z with its dimensions shuffled apart (Kim and Mnih, 2018)."""

    def build(self, spec):
        ((self.width,),) = spec["latent_shapes"]
        self.discriminator = discriminator(self.width)
        self.seed_generator = keras.random.SeedGenerator(0)

    def loss(self, terms):
        z = terms.z[0][:, 0]
        columns = [keras.random.shuffle(z[:, i : i + 1], seed=self.seed_generator) for i in range(self.width)]
        shuffled = ops.stop_gradient(ops.concatenate(columns, axis=1))
        return super().loss(terms) + adversarial_loss(self.discriminator, shuffled, z, terms.training)
