"""For every registered name: a small instance, and what its check must know.

A new component gets a line here; `test_every_registered_name_has_a_case` fails until it has.
"""

import keras
import numpy as np

import keras_vae as kv
from keras_vae import testing
from keras_vae.testing.subject import Subject

IMAGE = (5, 4, 1)  # divides by no stride, so that decoders have to crop
SEQUENCE = (3, 2)


@keras.saving.register_keras_serializable("tests")
def student_t(params):
    import tensorflow_probability as tfp

    return tfp.distributions.Independent(tfp.distributions.StudentT(9.0, params, 0.5), 1)


@keras.saving.register_keras_serializable("tests")
def laplace(params):
    import tensorflow_probability as tfp

    return tfp.distributions.Independent(tfp.distributions.Laplace(params, 1.0), 1)


@keras.saving.register_keras_serializable("tests")
def cauchy(params):
    import tensorflow_probability as tfp

    return tfp.distributions.Independent(tfp.distributions.Cauchy(params, 1.0), 1)


def ladder():
    """Two levels of spatial latents, for images of 8 x 8."""
    return kv.latents.Hierarchical(
        [kv.latents.Level((2, 2, 1)), kv.latents.Level((4, 4, 1), posterior="residual")],
        merge=kv.layers.MergeConv(2, upsample=2, activation="tanh"),
        decoder_sees="state",
    )


def classes_and_reals():
    """One variable of four classes beside two real dimensions."""
    classes = kv.latents.Single(1, prior=kv.priors.UniformCategorical(4), posterior="categorical")
    return kv.latents.Product([classes, kv.latents.Single(2)])


def small_discriminator():
    return keras.Sequential([keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)])


def over_a_real_and_a_category(draws):
    """Points and weights for tables of one column of real numbers, and one of three categories."""
    reals, weights = testing.over_reals(draws[:, :1])
    tables = [np.column_stack([reals, np.full(len(reals), category)]) for category in range(3)]
    return np.concatenate(tables).astype("float32"), np.tile(weights, 3)


def over_counts_of_three(draws):
    """All rows of counts whose sum is 3."""
    points, _ = testing.over_integers(0, 3)(draws)
    points = points[points.sum(axis=-1) == 3]
    return points, np.ones(len(points))


# Names that the shipped checks do not cover: each puts its subject into a `kv.VAE` of one tensor, and not of a dict.
# tests/likelihoods/test_joint.py, tests/networks/test_joint.py and tests/models/test_modalities.py hold the same.
BY_HAND = {
    ("likelihoods", "joint"): "its data, features and parameters are dicts",
    ("encoders", "joint"): "its data are a dict",
    ("encoders", "per_field"): "its data and features are dicts",
    ("decoders", "joint"): "its features are a dict",
}

CASES = {
    ("priors", "standard"): {"make": kv.priors.Standard},
    ("priors", "gaussian"): {"make": kv.priors.Gaussian},
    ("priors", "laplace"): {"make": lambda: kv.priors.Laplace(learn_scale=True), "density_latent_dims": (2,)},
    ("priors", "spike_and_slab"): {
        "make": lambda: kv.priors.SpikeAndSlab(0.4, spike_scale=0.3, learn_weight=True),
        "density_latent_dims": (2,),
    },
    ("priors", "mixture"): {"make": lambda: kv.priors.Mixture(3, seed=0)},
    ("priors", "vamp"): {
        "make": lambda: kv.priors.VampPrior(3, learn_weights=True, seed=0),
        "other_values": {"initializer": keras.initializers.RandomNormal(0.5, 0.1, seed=1)},
    },
    # moments=False: the mean() of a flow and of a von Mises-Fisher distribution is a central point.
    ("priors", "flow"): {
        "make": lambda: kv.priors.Flow(steps=2, hidden_units=(6,)),
        "density_latent_dims": (2,),
        "moments": False,
    },
    ("priors", "uniform_categorical"): {
        "make": kv.priors.UniformCategorical,
        "vae": {"posterior": "categorical"},
        "points": testing.over_one_hot,
    },
    ("priors", "uniform_sphere"): {
        "make": kv.priors.UniformSphere,
        "vae": {"posterior": "von_mises_fisher"},
        "latent_dim": 3,
        "density_latent_dims": (2, 3),
        "points": testing.over_sphere,
        "moments": False,
    },
    ("priors", "poincare"): {
        "make": lambda: kv.priors.Poincare(curvature=0.7, scale=0.8),
        "other_values": {"family": "riemannian_normal"},
        "vae": {"posterior": "poincare"},
        "points": testing.over_ball(0.7),
        "moments": False,
    },
    ("latents", "single"): {
        "make": kv.latents.Single,
        "other_values": {"latent_dim": 3, "prior": kv.priors.Gaussian(), "posterior": kv.posteriors.FullCovariance()},
    },
    ("latents", "hierarchical"): {
        "make": lambda: kv.latents.Hierarchical(merge=kv.layers.MergeDense((5,))),
        "other_values": {
            "levels": [kv.latents.Level(3).get_config(), kv.latents.Level(2, posterior="residual").get_config()],
            "merge": kv.layers.MergeDense((4,)),
            "decoder_sees": "state",
        },
        "latent_dim": (2, 2),
    },
    ("latents", "product"): {
        "make": classes_and_reals,
        "other_values": {"groups": [kv.latents.Single(2), kv.latents.Single(3)]},
        "latent_dim": None,
    },
    ("latents", "recurrent"): {
        "make": lambda: kv.latents.Recurrent(state=3, chained=True),
        "other_values": {
            "latent_dim": 3,
            "state": keras.layers.LSTM(4, return_sequences=True),
            "state_sees": ("data",),
            "chained": False,
            "transition": keras.layers.Dense(5),
            "prior": kv.priors.Laplace(),
            "posterior": kv.posteriors.Residual(),
            "word_dropout": 0.2,
        },
        "data_shape": (4, 2),
        "vae": {
            "encoder": lambda: kv.encoders.GRU((4,), return_sequences=True),
            "decoder": lambda: kv.decoders.GRU((4,)),
            "likelihood": "gaussian",
        },
    },
    ("latents", "markov"): {
        "make": kv.latents.Markov,
        "other_values": {
            "latent_dim": 3,
            "transition": keras.layers.Dense(5),
            "prior": kv.priors.Laplace(),
            "posterior": kv.posteriors.Residual(),
        },
        "data_shape": (4, 2),
        "vae": {
            "encoder": lambda: kv.encoders.GRU((4,), return_sequences=True),
            "decoder": lambda: kv.decoders.GRU((4,)),
            "likelihood": "gaussian",
        },
    },
    ("posteriors", "categorical"): {
        "make": kv.posteriors.Categorical,
        "vae": {"prior": "uniform_categorical"},
        "points": testing.over_one_hot,
    },
    ("posteriors", "flow"): {
        "make": lambda: kv.posteriors.Flow(("planar", "radial")),
        "other_values": {"steps": ("radial", "radial", "planar")},
        "moments": False,
    },
    ("posteriors", "planar"): {"make": lambda: kv.posteriors.Planar(steps=1), "moments": False},
    ("posteriors", "radial"): {"make": lambda: kv.posteriors.Radial(steps=1, amortized=False), "moments": False},
    ("posteriors", "full_covariance"): {"make": kv.posteriors.FullCovariance},
    ("posteriors", "deterministic"): {
        "make": kv.posteriors.Deterministic,
        "vae": {"objective": kv.objectives.Autoencoder},
        "checks": ("config", "shapes", "precision", "fit", "reload"),
    },
    ("posteriors", "gaussian"): {
        "make": kv.posteriors.Gaussian,
        "other_values": {"scale": "softplus", "log_var_range": (-3.0, 1.0), "hidden_units": (4,)},
    },
    ("posteriors", "householder"): {"make": kv.posteriors.Householder},
    ("posteriors", "iaf"): {"make": lambda: kv.posteriors.IAF(hidden_units=6, context_units=5), "moments": False},
    ("posteriors", "von_mises_fisher"): {
        "make": kv.posteriors.VonMisesFisher,
        "vae": {"prior": "uniform_sphere"},
        "latent_dim": 3,
        "density_latent_dims": (2, 3),
        "points": testing.over_sphere,
        "moments": False,
    },
    ("posteriors", "poincare"): {
        "make": kv.posteriors.Poincare,
        "other_values": {"family": "riemannian_normal"},
        "vae": {"prior": "poincare"},
        "points": testing.over_ball(),
        "moments": False,
    },
    **{
        ("posteriors", name): {
            "make": make,
            "other_values": {"fields": ("x",), "scale": "softplus", "hidden_units": (4,)},
        }
        for name, make in (
            ("product_of_experts", kv.posteriors.ProductOfExperts),
            ("mixture_of_experts", kv.posteriors.MixtureOfExperts),
            ("mixture_of_products", kv.posteriors.MixtureOfProducts),
        )
    },
    ("posteriors", "residual"): {"make": kv.posteriors.Residual, "vae": {"prior": "gaussian"}},
    ("likelihoods", "bernoulli"): {"make": kv.likelihoods.Bernoulli, "points": testing.over_integers(0, 1)},
    ("likelihoods", "beta"): {"make": kv.likelihoods.Beta, "points": testing.over_open_interval(0.0, 1.0)},
    ("likelihoods", "continuous_bernoulli"): {
        "make": kv.likelihoods.ContinuousBernoulli,
        "points": testing.over_interval(0.0, 1.0),
    },
    ("likelihoods", "laplace"): {"make": kv.likelihoods.Laplace, "other_values": {"scale": 2.0}},
    ("likelihoods", "log_normal"): {
        "make": lambda: kv.likelihoods.LogNormal(0.5),
        "points": testing.over_positive,
    },
    ("likelihoods", "negative_binomial"): {
        "make": kv.likelihoods.NegativeBinomial,
        "other_values": {"dispersion": "predicted"},
        "points": testing.over_integers(0, 90),
    },
    ("likelihoods", "multinomial"): {
        "make": lambda: kv.likelihoods.Multinomial(total_count=3),
        "points": over_counts_of_three,
    },
    ("likelihoods", "columns"): {
        "make": lambda: kv.likelihoods.Columns([("gaussian", 1), (kv.likelihoods.Categorical(3), 1)]),
        "other_values": {"columns": [(kv.likelihoods.Laplace(), 1), ("poisson", 1)], "missing": "nan"},
        "data_shape": (2,),
        "data": np.array([[0.5, 2], [-1.0, 0], [0.1, 1], [2.0, 1], [-0.3, 0], [0.7, 2]], "float32"),
        "density_data_shapes": ((2,),),
        "points": over_a_real_and_a_category,
    },
    ("likelihoods", "poisson"): {"make": kv.likelihoods.Poisson, "points": testing.over_integers(0, 40)},
    ("likelihoods", "student_t"): {
        "make": lambda: kv.likelihoods.StudentT(df=9.0),
        "other_values": {"scale": 2.0, "df": "learned"},
    },
    ("likelihoods", "zero_inflated_negative_binomial"): {
        "make": lambda: kv.likelihoods.ZeroInflatedNegativeBinomial(dispersion="predicted"),
        "other_values": {"dispersion": "learned"},
        "points": testing.over_integers(0, 90),
    },
    ("likelihoods", "beta_binomial"): {
        "make": lambda: kv.likelihoods.BetaBinomial(6),
        "points": testing.over_integers(0, 6),
    },
    ("likelihoods", "categorical"): {
        "make": lambda: kv.likelihoods.Categorical(3),
        "other_values": {"padding": 2, "end": 1},
        "points": testing.over_integers(0, 2),
    },
    ("likelihoods", "discretized_logistic"): {
        "make": lambda: kv.likelihoods.DiscretizedLogistic(7),
        "points": testing.over_integers(0, 6),
    },
    ("likelihoods", "discretized_logistic_mixture"): {
        "make": lambda: kv.likelihoods.DiscretizedLogisticMixture(2, num_levels=7),
        "data_shape": (2, 1, 2),
        "density_data_shapes": ((2, 1, 1),),
        "points": testing.over_integers(0, 6),
    },
    ("likelihoods", "gaussian"): {
        "make": lambda: kv.likelihoods.Gaussian(scale="predicted"),
        "other_values": {"scale": 0.5},
    },
    ("priors", "tfp"): {
        "only_on": "tensorflow",
        "make": lambda: kv.priors.TFP(student_t, params_size=2),
        "other_values": {"function": cauchy},
        "density_latent_dims": (2,),
        "moments": False,
    },
    ("likelihoods", "tfp"): {
        "only_on": "tensorflow",
        "make": lambda: kv.likelihoods.TFP(laplace, params_size=2),
        "other_values": {"function": cauchy},
        "data_shape": (2,),
        "points": None,
        "masks": False,
    },
    ("encoders", "mlp"): {
        "make": lambda: kv.encoders.MLP((6, 5), activation="tanh", dropout=0.1),
        "other_values": {"activation": "relu", "normalization": "batch"},
    },
    ("encoders", "conv"): {
        "make": lambda: kv.encoders.Conv((2, 3), hidden_units=5, activation="tanh"),
        "other_values": {"activation": "relu", "hidden_units": None},
        "data_shape": IMAGE,
    },
    ("encoders", "denoising"): {
        "make": lambda: kv.encoders.Denoising(kv.encoders.MLP((5,)), keras.layers.GaussianNoise(0.1, seed=0)),
        "other_values": {"encoder": kv.encoders.MLP((4,)), "corruption": kv.layers.SaltAndPepper(0.1, seed=0)},
    },
    ("encoders", "gated_mlp"): {
        "make": lambda: kv.encoders.GatedMLP((6, 5), dropout=0.1),
        "other_values": {"normalization": "batch"},
    },
    ("encoders", "pyramid"): {
        "make": lambda: kv.encoders.Pyramid((2, 3), kernel_size=2, activation="tanh"),
        "other_values": {"activation": "relu"},
        "data_shape": (8, 8, 1),
        "latent_dim": None,
        "vae": {"latents": ladder},
    },
    ("encoders", "resnet"): {
        "make": lambda: kv.encoders.ResNet((8,), kernel_size=2, hidden_units=5, attention=True, dropout=0.1),
        "other_values": {"activation": "relu", "hidden_units": None},
        "data_shape": IMAGE,
    },
    ("encoders", "gru"): {
        "make": lambda: kv.encoders.GRU((3, 2), dropout=0.1, embedding_units=2),
        "data_shape": SEQUENCE,
    },
    ("encoders", "lstm"): {
        "make": lambda: kv.encoders.LSTM((3,), bidirectional=False),
        "other_values": {"embedding_units": 2},
        "data_shape": SEQUENCE,
    },
    ("encoders", "tcn"): {
        "make": lambda: kv.encoders.TCN((3, 4), kernel_size=2, activation="tanh", dropout=0.1),
        "other_values": {"activation": "relu"},
        "data_shape": SEQUENCE,
    },
    ("encoders", "transformer"): {
        "make": lambda: kv.encoders.Transformer(width=4, blocks=1, heads=2, dropout=0.1),
        "data_shape": SEQUENCE,
    },
    ("decoders", "gated_mlp"): {
        "make": lambda: kv.decoders.GatedMLP((5, 6), dropout=0.1),
        "other_values": {"normalization": "batch"},
    },
    ("decoders", "mlp"): {
        "make": lambda: kv.decoders.MLP((5, 6), activation="tanh", dropout=0.1),
        "other_values": {"activation": "relu", "normalization": "batch"},
    },
    ("decoders", "conv"): {
        "make": lambda: kv.decoders.Conv((3, 2), activation="tanh"),
        "other_values": {"activation": "relu"},
        "data_shape": IMAGE,
    },
    ("decoders", "pixel_cnn"): {
        "make": lambda: kv.decoders.PixelCNN(2, 1, network=kv.decoders.MLP((3,))),
        "other_values": {"network": kv.decoders.MLP((4,)), "kernel_size": 5, "first_kernel_size": 3},
        "data_shape": (3, 2, 1),
    },
    ("decoders", "resnet"): {
        "make": lambda: kv.decoders.ResNet((8,), kernel_size=2, dropout=0.1),
        "other_values": {"activation": "relu"},
        "data_shape": IMAGE,
    },
    ("decoders", "gru"): {
        "make": lambda: kv.decoders.GRU((3, 2), dropout=0.1, embedding_units=2, word_dropout=0.1),
        "other_values": {"max_length": 7},
        "data_shape": SEQUENCE,
    },
    ("decoders", "lstm"): {
        "make": lambda: kv.decoders.LSTM((3,)),
        "other_values": {"max_length": 7, "embedding_units": 2},
        "data_shape": SEQUENCE,
    },
    ("decoders", "tcn"): {
        "make": lambda: kv.decoders.TCN((3, 4), kernel_size=2, activation="tanh", dropout=0.1, word_dropout=0.1),
        "other_values": {"activation": "relu", "max_length": 7},
        "data_shape": SEQUENCE,
    },
    ("decoders", "transformer"): {
        "make": lambda: kv.decoders.Transformer(width=4, blocks=1, heads=2, dropout=0.1, word_dropout=0.1),
        "other_values": {"max_length": 7},
        "data_shape": SEQUENCE,
    },
    ("objectives", "elbo"): {
        "make": lambda: kv.objectives.ELBO(beta=0.5, num_samples=2),
        "other_values": {"gradient": "stl"},
    },
    ("objectives", "iwae"): {"make": lambda: kv.objectives.IWAE(2), "other_values": {"gradient": "dreg"}},
    ("objectives", "miwae"): {
        "make": lambda: kv.objectives.MIWAE(4, groups=2),
        "other_values": {"num_samples": 6, "groups": 4, "gradient": "dreg"},
    },
    ("objectives", "ciwae"): {
        "make": lambda: kv.objectives.CIWAE(0.5, num_samples=2),
        "other_values": {"beta": 0.25, "gradient": "dreg"},
    },
    ("objectives", "piwae"): {
        "make": lambda: kv.objectives.PIWAE(4, groups=2),
        "other_values": {"num_samples": 6, "groups": 4},
    },
    ("objectives", "renyi"): {"make": lambda: kv.objectives.Renyi(0.5, 2), "other_values": {"gradient": "dreg"}},
    ("objectives", "autoencoder"): {"make": kv.objectives.Autoencoder},
    ("objectives", "capacity"): {"make": lambda: kv.objectives.Capacity(3.0, beta=2.0, num_samples=2)},
    ("objectives", "free_bits"): {
        "make": lambda: kv.objectives.FreeBits(0.1, num_samples=2),
        "other_values": {"per": "level", "average": "example"},
        "mixes_rows": True,
    },
    ("objectives", "beta_tc"): {
        "make": lambda: kv.objectives.BetaTC(2.0, alpha=0.5, gamma=1.5, dataset_size=100),
        "other_values": {"weighting": "stratified"},
        "mixes_rows": True,
    },
    ("objectives", "dip"): {
        "make": lambda: kv.objectives.DIP(kv.objectives.ELBO(num_samples=2)),
        "other_values": {"objective": kv.objectives.ELBO(beta=0.5), "variant": "II"},
        "mixes_rows": True,
    },
    ("objectives", "info_vae"): {
        "make": lambda: kv.objectives.InfoVAE(num_samples=2),
        "other_values": {"kernel": "rbf"},
        "mixes_rows": True,
    },
    ("objectives", "wasserstein"): {
        "make": lambda: kv.objectives.Wasserstein(2.0),
        "other_values": {"kernel": "rbf"},
        "mixes_rows": True,
    },
    ("objectives", "factor"): {
        "make": lambda: kv.objectives.Factor(kv.objectives.ELBO(num_samples=2), discriminator=small_discriminator()),
        "other_values": {
            "objective": kv.objectives.ELBO(beta=0.5),
            "discriminator": keras.layers.Dense(1, use_bias=False),
        },
        "mixes_rows": True,
    },
    ("objectives", "field_subsets"): {
        "make": lambda: kv.objectives.FieldSubsets(kv.objectives.ELBO(num_samples=2)),
        "other_values": {"objective": kv.objectives.ELBO(beta=0.5), "random": 2},
    },
    ("objectives", "field_weights"): {
        "make": lambda: kv.objectives.FieldWeights({}, kv.objectives.ELBO(num_samples=2)),
        "other_values": {"objective": kv.objectives.ELBO(beta=0.5), "weights": {"image": 2.0}},
    },
    ("objectives", "adversarial"): {
        "make": lambda: kv.objectives.Adversarial(2.0, discriminator=small_discriminator()),
        "other_values": {"discriminator": keras.layers.Dense(1, use_bias=False)},
    },
    ("objectives", "regularized"): {
        "make": lambda: kv.objectives.Regularized(0.1, 0.1),
        "other_values": {"penalty": "gradient"},
    },
    ("objectives", "ms_ssim"): {
        "make": lambda: kv.objectives.MSSSIM(kv.objectives.ELBO(num_samples=2), likelihood_weight=0.5),
        "other_values": {"objective": kv.objectives.ELBO(beta=0.5)},
        "data_shape": IMAGE,
    },
    ("objectives", "hamiltonian"): {
        "make": lambda: kv.objectives.Hamiltonian(steps=2, beta_zero=0.5, learn_beta_zero=True),
        "other_values": {"tempering": "free"},
    },
    ("objectives", "riemannian_hamiltonian"): {
        "make": lambda: kv.objectives.RiemannianHamiltonian(steps=1, hidden_units=(5,), centroids=4, num_samples=2),
    },
    ("objectives", "semi_supervised"): {
        "make": lambda: kv.objectives.SemiSupervised(label_prior="learned"),
        "other_values": {
            "num_classes": 3,
            "classifier": keras.layers.Dense(3, use_bias=False),
            "classifier_sees": "x",
            "label_prior": [0.5, 0.25, 0.25],
        },
        "vae": {"condition_shape": (3,)},
        "mixes_rows": True,
    },
    ("objectives", "supervised"): {
        "make": lambda: kv.objectives.Supervised(kv.objectives.ELBO(num_samples=2), weight=0.5, metrics=["mae"]),
        "other_values": {
            "objective": kv.objectives.ELBO(beta=0.5),
            "head": keras.layers.Dense(1, use_bias=False),
            "loss": "mae",
            "metrics": ["r2_score", keras.metrics.MeanSquaredError()],
        },
    },
    ("samplers", "mixture"): {
        "make": lambda: kv.samplers.Mixture(2),
        "other_values": {"covariance": "diag"},
    },
    ("samplers", "manifold"): {"make": kv.samplers.Manifold},
    ("samplers", "aggregated"): {"make": kv.samplers.Aggregated},
    ("samplers", "flow"): {"make": lambda: kv.samplers.Flow(steps=2, hidden_units=(8,), epochs=3)},
    ("samplers", "two_stage"): {
        "make": lambda: kv.samplers.TwoStage((16,), latent_dim=3, epochs=10, batch_size=32, learning_rate=1e-2),
    },
    ("samplers", "per_condition"): {
        "make": lambda: kv.samplers.PerCondition(kv.samplers.Mixture(2)),
        "other_values": {"sampler": kv.samplers.Manifold()},
    },
}

# Ways to use a registered class that take another path through its code, and parts without a name.
VARIANTS = {
    ("priors", "gaussian with a fixed location"): {"make": lambda: kv.priors.Gaussian(learn_loc=False)},
    ("posteriors", "poincare with a Riemannian normal"): {
        "make": lambda: kv.posteriors.Poincare(family="riemannian_normal"),
        "other_values": {"family": "wrapped_normal"},
        "vae": {"prior": lambda: kv.priors.Poincare(family="riemannian_normal")},
        "checks": ("config", "shapes", "draws", "density", "kl"),
        "points": testing.over_ball(),
        "moments": False,
    },
    ("latents", "hierarchical with a VampPrior on top"): {
        "make": lambda: kv.latents.Hierarchical(
            [kv.latents.Level(2, prior=kv.priors.VampPrior(3)), kv.latents.Level(1)], merge=kv.layers.MergeDense((5,))
        ),
        "checks": ("shapes", "samples", "given", "prepared", "precision", "fit", "reload"),
        "latent_dim": None,
    },
    ("latents", "single with an inverse autoregressive flow"): {
        "make": lambda: kv.latents.Single(2, posterior=kv.posteriors.IAF(hidden_units=6, context_units=5)),
        "checks": ("samples", "given", "reload"),
        "latent_dim": None,
    },
    ("latents", "product of products, with a VampPrior"): {
        "make": lambda: kv.latents.Product(
            [kv.latents.Product([kv.latents.Single(2), kv.latents.Single(2, prior=kv.priors.VampPrior(3))]), "single"]
        ),
        "checks": ("shapes", "samples", "given", "prepared", "fit", "reload"),
        "latent_dim": None,
    },
    ("objectives", "hamiltonian with free tempering and two samples"): {
        "make": lambda: kv.objectives.Hamiltonian(steps=2, tempering="free", learn_step_size=False, num_samples=2),
        "checks": ("config", "shapes", "draws"),
        "other_values": {"tempering": None},
    },
    ("likelihoods", "gaussian with one learned scale"): {
        "make": kv.likelihoods.Gaussian,
        "other_values": {"scale": 2.0},
    },
    ("likelihoods", "gaussian with a fixed scale"): {"make": lambda: kv.likelihoods.Gaussian(scale=0.5)},
    ("encoders", "conv with spatial features"): {
        "make": lambda: kv.encoders.Conv((2,), hidden_units=None, activation="tanh"),
        "other_values": {"activation": "relu", "hidden_units": 4},
        "data_shape": IMAGE,
    },
    ("encoders", "gru with features of every step"): {
        "make": lambda: kv.encoders.GRU((3, 2), embedding_units=2, return_sequences=True),
        "data_shape": SEQUENCE,
    },
    ("encoders", "transformer with features of every step"): {
        "make": lambda: kv.encoders.Transformer(width=4, blocks=1, heads=2, return_sequences=True),
        "data_shape": SEQUENCE,
    },
    ("encoders", "a Keras model"): {
        "make": lambda: kv.encoders.FromModel(keras.Sequential([keras.layers.Dense(3, activation="tanh")])),
        "other_values": {"model": keras.Sequential([keras.layers.Dense(4)])},
    },
    ("decoders", "a Keras model"): {
        "make": lambda: kv.decoders.FromModel(keras.Sequential([keras.layers.Dense(3, activation="tanh")])),
        "other_values": {"model": keras.Sequential([keras.layers.Dense(4)])},
    },
}


def subject_of(family, name):
    """The subject of a case or of a variant, as the checks make it."""
    case = {**CASES, **VARIANTS}[family, name]
    arguments = {key: case[key] for key in ("latent_dim", "data_shape", "data", "vae") if key in case}
    return Subject(family if family == "latents" else family.removesuffix("s"), case["make"], **arguments)


def small_model(family, name):
    """The small VAE in which the contract checks look at a component, with fixed weights, and its data."""
    subject = subject_of(family, name)
    keras.utils.set_random_seed(0)
    return subject.model("float32")
