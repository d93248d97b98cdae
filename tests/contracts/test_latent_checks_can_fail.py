"""`check_latents` catches the mistake that it is there for: broken structures, one mistake each."""

import warnings

import keras
import pytest
from keras import ops

import keras_vae as kv
from keras_vae import registry, testing


@pytest.fixture(autouse=True)
def forget_broken_structures():
    yield
    registry.latents._classes.pop("broken", None)


def broken(cls):
    """Register a class as a plugin would, again and again under one name."""
    return kv.latents.register("broken", package="tests", overwrite=True)(cls)


def fails(make, *words, **options):
    with pytest.raises(AssertionError) as raised:
        testing.check_latents(make, **options)
    for word in ("check_latents", *words):
        assert word in str(raised.value), str(raised.value)


def two_groups(cls):
    """Function that makes a product of two groups of one size."""
    return lambda: cls([kv.latents.Single(2), kv.latents.Single(2)])


def test_a_forgotten_argument():
    @broken
    class Forgetful(kv.latents.Single):
        def __init__(self, latent_dim=None, depth=2, **kwargs):
            super().__init__(latent_dim, **kwargs)
            self.depth = depth

    fails(Forgetful, "'config'", "'depth'", "get_config", checks=["config"])


def test_a_structure_that_is_not_registered():
    class Nameless(kv.latents.Single):
        pass

    fails(Nameless, "'config'", "@keras_vae.latents.register", checks=["config"])


def test_given_latents_that_are_ignored():
    @broken
    class Deaf(kv.latents.Product):
        def generate(self, context, *, given=None, **options):
            return super().generate(context, **options)

    fails(two_groups(Deaf), "'given'", "fixes level 0", latent_dim=None, checks=["given"])


def test_only_the_first_group_heeds_what_is_given():
    @broken
    class HalfDeaf(kv.latents.Product):
        def generate(self, context, *, given=None, **options):
            given = None if given is None else [given[0], None]
            return super().generate(context, given=given, **options)

    fails(two_groups(HalfDeaf), "'given'", "fixes level 1", latent_dim=None, checks=["given"])


def test_groups_that_share_their_noise():
    @broken
    class Alike(kv.latents.Product):
        def infer(self, features, context, *, seed=None, **options):
            return [level for group in self.groups for level in group.infer(features, context, seed=seed, **options)]

    fails(two_groups(Alike), "'samples'", "same noise", latent_dim=None, checks=["samples"])


def test_one_draw_for_all_samples():
    @broken
    class Repeating(kv.latents.Single):
        def infer(self, features, context, *, num_samples=None, **options):
            (level,) = super().infer(features, context, **options)
            z = level.z if num_samples is None else ops.repeat(level.z[None], num_samples, axis=0)
            return [level._replace(z=z)]

    fails(Repeating, "'samples'", "one draw repeated", checks=["samples"])


def test_a_density_of_another_point():
    @broken
    class Mistaken(kv.latents.Single):
        def infer(self, features, context, **options):
            (level,) = super().infer(features, context, **options)
            return [level._replace(log_q=level.posterior.log_prob(level.z) + 1.0)]

    fails(Mistaken, "'samples'", "log_q of level 0", checks=["samples"])


def test_noise_without_the_seed():
    @broken
    class Stubborn(kv.latents.Single):
        def infer(self, features, context, *, seed=None, **options):
            return super().infer(features, context, seed=3, **options)

    fails(Stubborn, "'samples'", "another seed", checks=["samples"])


def test_rows_that_see_each_other():
    @broken
    class Mixing(kv.latents.Single):
        def infer(self, features, context, **options):
            return super().infer(features - ops.mean(features, axis=0, keepdims=True), context, **options)

    fails(Mixing, "'shapes'", "mixes the rows", checks=["shapes"])


def test_a_decoder_input_of_another_width():
    @broken
    class Wide(kv.latents.Single):
        def decoder_input(self, latents, context):
            return ops.concatenate([latents[0], latents[0]], axis=-1)

    fails(Wide, "'shapes'", "decoder_input has shape (6, 4)", checks=["shapes"])


def test_what_was_prepared_changes_the_numbers():
    @broken
    class Stale(kv.latents.Single):
        def prepare(self, encode):
            return keras.tree.map_structure(lambda tensor: tensor + 1.0, super().prepare(encode))

    fails(
        lambda: Stale(2, prior=kv.priors.VampPrior(3)),
        "'prepared'",
        "other numbers",
        latent_dim=None,
        checks=["prepared"],
    )


def test_half_precision_in_the_latents():
    @broken
    class Rounding(kv.latents.Single):
        def infer(self, features, context, **options):
            (level,) = super().infer(features, context, **options)
            return [level._replace(z=ops.cast(level.z, features.dtype))]

    fails(Rounding, "'precision'", "float16", checks=["precision"])


def test_a_weight_without_a_gradient():
    @broken
    class Idle(kv.latents.Single):
        def build(self, *args, **kwargs):
            super().build(*args, **kwargs)
            self.unused = self.add_weight(name="unused", shape=(2,), autocast=False)

    # Keras warns of it too; the check must name the weight.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fails(Idle, "'fit'", "unused", checks=["fit"])
