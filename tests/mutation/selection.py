"""Which tests look at which file: what is mutated, and what has to notice."""

import pathlib

__all__ = ["FILES", "tests_of"]

MODELS = [
    "tests/models/test_log_likelihood.py",
    "tests/models/test_conditions.py",
    "tests/models/test_call.py",
    "tests/models/test_latents_plugin.py",
    "tests/models/test_objective_plugins.py",
    "tests/models/test_inference.py",
    "tests/models/test_fields.py",
    "tests/models/test_networks.py",
    "tests/models/test_padding_of_targets.py",
    "tests/models/test_found_by_attack.py",
    "tests/models/test_sequence_data.py",
    "tests/networks/test_denoising.py",
]
DENSITIES = ["tests/golden", "tests/distributions", "tests/mathematics"]

# For every file or folder, the tests that know it best. A component's contract and its doctests come in front.
TESTS = {
    "keras_vae/models/forward.py": MODELS,
    "keras_vae/inference/prefix.py": ["tests/models/test_prefix.py"],
    "keras_vae/decoders/steps.py": ["tests/models/test_prefix.py", "tests/networks/test_autoregressive.py"],
    "keras_vae/models/truncated.py": ["tests/models/test_prefix.py"],
    "keras_vae/inference/evidence.py": ["tests/models/test_log_likelihood.py", "tests/models/test_inference.py"],
    "keras_vae/inference/particle_filter.py": ["tests/mathematics/test_particle_filter.py"],
    "keras_vae/latents/recurrent.py": ["tests/mathematics/test_particle_filter.py", "tests/latents/test_recurrent.py"],
    "keras_vae/decoders/one_step.py": ["tests/latents/test_recurrent.py"],
    "keras_vae/models/stepwise.py": ["tests/latents/test_recurrent.py"],
    "keras_vae/evaluation": ["tests/evaluation"],
    "keras_vae/anomaly": ["tests/anomaly"],
    "keras_vae/estimators": ["tests/estimators"],
    "keras_vae/plots": ["tests/plots"],
    "keras_vae/reports": ["tests/reports"],
    "keras_vae/objectives": [
        "tests/mathematics/test_objectives.py",
        "tests/models/test_objective_plugins.py",
        "tests/models/test_hamiltonian.py",
        "tests/models/test_riemannian_hamiltonian.py",
        "tests/models/test_supervised.py",
        "tests/models/test_log_likelihood.py",
        "tests/models/test_conditions.py",
        "tests/latents/test_product.py",
    ],
    "keras_vae/priors": [
        "tests/mathematics/test_sparse_densities.py",
        "tests/mathematics/test_spheres_and_categories.py",
        "tests/mathematics/test_poincare.py",
        "tests/mathematics/test_flows.py",
        "tests/models/test_adapt.py",
        "tests/models/test_priors_in_models.py",
        "tests/golden/test_tfp.py",
    ],
    "keras_vae/posteriors": [
        "tests/mathematics/test_gaussian_posterior.py",
        "tests/mathematics/test_spheres_and_categories.py",
        "tests/mathematics/test_poincare.py",
        "tests/mathematics/test_flows.py",
        "tests/models/test_priors_in_models.py",
    ],
    "keras_vae/samplers": ["tests/samplers"],
    "keras_vae/tuning": ["tests/tuning"],
    "keras_vae/tables": ["tests/tables"],
    "keras_vae/distributions": [*DENSITIES, "tests/likelihoods"],
    "keras_vae/layers": [
        "tests/layers",
        "tests/networks/test_resnet.py",
        "tests/networks/test_pixel_cnn.py",
        "tests/networks/test_denoising.py",
        "tests/networks/test_autoregressive.py",
        "tests/networks/test_sequences.py",
        "tests/mathematics/test_flows.py",
    ],
}
# A layer or a distribution is part of these components.
CONTRACTS = {
    "affine_coupling": ["flow"],
    "inverse_autoregressive": ["iaf"],
    "planar": ["planar", "flow"],
    "radial": ["radial", "flow"],
    "between": ["vamp"],
    "dense_stack": ["mlp", "gated_mlp"],
    "masked_convolution": ["pixel_cnn"],
    "merge_conv": ["pyramid", "hierarchical"],
    "merge_dense": ["hierarchical"],
    "residual_block": ["resnet"],
    "residual_network": ["resnet"],
    "spatial_attention": ["resnet"],
    "spatial": ["conv"],
    "causal_block": ["tcn"],
    "sequence": ["gru", "tcn"],
    "seeded_dropout": ["mlp"],
    "transformer_block": ["transformer"],
    "word_dropout": ["gru"],
    "multivariate_gaussian": ["full_covariance"],
    "gaussian_mixture": ["mixture", "vamp"],
    "one_hot_categorical": ["uniform_categorical"],
    "poincare_ball": ["poincare"],
    "wrapped_normal": ["poincare"],
    "riemannian_normal": ["poincare", "poincare with a Riemannian normal"],
    "log_joint": ["hamiltonian"],
    "riemannian_metric": ["riemannian_hamiltonian"],
    "transformed": ["flow", "householder"],
    "zero_inflated": ["zero_inflated_negative_binomial"],
    "gamma_functions": ["negative_binomial", "beta", "poisson"],
    "draws": ["negative_binomial", "beta"],
    "concatenated": ["columns"],
    "from_tfp": ["tfp"],
}
FAMILIES = ("encoders", "decoders", "posteriors", "priors", "latents", "likelihoods", "objectives", "samplers")


def files(where: str) -> list[str]:
    """The Python files of a folder, or the file."""
    path = pathlib.Path(where)
    return [where] if path.is_file() else sorted(str(file) for file in path.glob("*.py") if file.name != "__init__.py")


FILES = [file for where in TESTS for file in files(where)]


def tests_of(file: str) -> list[str]:
    """What pytest runs for a mutant of a file, the cheapest first."""
    from tests.contracts.cases import CASES

    path = pathlib.Path(file)
    where = file if file in TESTS else str(path.parent)
    names = CONTRACTS.get(path.stem, [path.stem])
    cases = [f"{family}-{name}" for family, name in sorted(CASES) if name in names]
    tests = ("test_case_makes_the_class_of_its_name", "test_contract")
    own = [f"tests/contracts/test_contracts.py::{test}[{case}]" for test in tests for case in cases]
    return [file, *own, *TESTS[where]]
