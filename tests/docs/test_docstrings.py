"""Every public name says what a reader needs: what it is, its arguments, shapes, units, errors, source and use.

Rules, for whoever writes a docstring:

- the first line is one sentence, and a blank line follows;
- a class and a function have an entry under `Args:` for every argument, and none for others; a method may name an
  argument in its text, in backticks, where that says it all;
- what is raised has an entry under `Raises:`;
- classes, functions and the verbs of `VAE` have an example that runs;
- components, layers and distributions that somebody published name authors and year;
- where a signature has tensors, shapes are said; where numbers are log densities, nats are.

A method that overrides a documented one of this package may leave its docstring to it, or say only what is different.
"""

import ast
import dataclasses
import importlib
import inspect
import re
import textwrap

import keras
import pytest

import keras_vae
from keras_vae.distributions import Distribution

pytestmark = pytest.mark.on_torch

MODULES = ["keras_vae.models", "keras_vae.registry"]
MODULES += [f"keras_vae.{name}" for name in keras_vae.__all__ if inspect.ismodule(getattr(keras_vae, name))]
ON_REQUEST = ("anomaly", "anomaly.scores", "compression", "tables", "tuning")
MODULES += [f"keras_vae.{name}" for name in ("estimators", *ON_REQUEST)]
MODULES += ["keras_vae"]

# Keras calls these, and its own documentation says what they take: a short docstring or none will do.
HOOKS = {
    *(
        "build",
        "call",
        "compute_loss",
        "compute_mask",
        "compute_metrics",
        "compute_output_shape",
        "compute_output_spec",
    ),
    *(
        "compile_from_config",
        "build_from_config",
        "from_config",
        "get_config",
        "load_own_variables",
        "save_own_variables",
    ),
    *(
        "on_epoch_begin",
        "on_epoch_end",
        "on_test_begin",
        "on_test_end",
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_train_begin",
        "on_train_end",
        "convolution_op",
    ),
}
VERBS = {
    "decode",
    "elbo",
    "encode",
    "export",
    "fit_sampler",
    "generate",
    "interpolate",
    "log_likelihood",
    "predict",
    "predict_label",
    "predict_target",
    "reconstruct",
    "responsibilities",
}
IN_NATS = re.compile(r"log_prob|kl_divergence$|kl_divergence_per|^elbo$|^log_likelihood$|^loss$")

# Who needs no source: contracts and bases of this package, wrappers of what the user brings, and tools.
NO_SOURCE = {
    *("decoders.Autoregressive", "decoders.Decoder", "decoders.FromModel", "decoders.Recurrent", "decoders.Sequence"),
    *("encoders.Encoder", "encoders.FromModel", "likelihoods.Likelihood", "likelihoods.TFP", "objectives.Objective"),
    *("posteriors.Posterior", "priors.Prior", "priors.TFP", "callbacks.LinearWarmUp", "callbacks.StopOnInvalid"),
    *("callbacks.PictureLogger",),
    "callbacks.Evaluation",
    *("callbacks.TorchDataParallel",),
    *("encoders.Recurrent", "encoders.Sequence", "likelihoods.LocationScale"),
    *("layers.Between", "layers.DenseStack", "layers.MergeDense", "layers.Projection"),
    *("distributions.Distribution", "distributions.Independent", "distributions.TFPDistribution"),
    *("samplers.Sampler", "samplers.VectorSampler"),
    *("distributions.Tempered", "latents.LatentLevel", "latents.Latents", "latents.Level"),
    # In every textbook.
    *("likelihoods.Laplace", "likelihoods.LogNormal"),
    *("distributions.Bernoulli", "distributions.Beta", "distributions.BetaBinomial", "distributions.Categorical"),
    *("distributions.Gaussian", "distributions.GaussianMixture", "distributions.Laplace", "distributions.LogNormal"),
    *("distributions.Multinomial", "distributions.MultivariateGaussian", "distributions.NegativeBinomial"),
    *("distributions.Poisson", "distributions.StudentT"),
}
# Whose classes need one.
SOURCED = {"callbacks", "decoders", "distributions", "encoders", "layers", "likelihoods", "models"}
SOURCED |= {"latents", "objectives", "posteriors", "priors", "samplers"}

# Functions of `keras_vae.arguments` that raise in the name of their caller.
CHECKS = {"check_distinct", "check_fields", "named_parts"}
CHECKS |= {"non_negative_number", "one_of", "optional_seed", "positive_int", "positive_ints", "positive_number"}

SOURCE = re.compile(r"[A-Z][\w-]+(?: et al\.)?,? \(?(?:19|20)\d\d")
SHAPE = re.compile(r"`[^`]*\((?:[^`()]*,)?[^`()]*\)[^`]*`")
SECTION = re.compile(r"^(Args|Attributes|Call arguments|Example|Raises|Returns|Yields)[^\n:]*:[ ]*$", re.MULTILINE)


# What a docstring says ------------------------------------------------------------------------------


def sections_of(doc):
    """The indented text under every heading such as `Args:`, by heading."""
    parts = SECTION.split(doc)
    return {
        name: re.split(r"\n(?=\S)", body.lstrip("\n"))[0] for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def entries_of(section):
    """The names in front of the colons of a section's entries."""
    found = re.findall(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*):", textwrap.dedent(section), re.MULTILINE)
    return [name for line in found for name in line.split(", ")]


def problems_of(doc, parameters, raised, *, entries, example=False, source=False, shapes=False, nats=False):
    """Sentences on what the docstring `doc` lacks; none for a good one.

    Args:
        doc: the docstring, without its indentation.
        parameters: names of the arguments, those of variable number with their stars.
        raised: names of the errors.
        entries: every argument needs an entry under `Args:`; else its name in backticks will do.
        example: one is asked for.
        source: one is asked for.
        shapes: they are asked for.
        nats: the unit is asked for.
    """
    if not doc:
        return ["has no docstring"]
    found = []
    first, *rest = doc.splitlines()
    if not first.endswith(".") or (rest and rest[0].strip()):
        found.append(f"does not start with one sentence on one line: {first!r}")
    sections = sections_of(doc)
    described = entries_of(sections.get("Args", "")) + entries_of(sections.get("Call arguments", ""))
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]*)`", doc))))
    for parameter in parameters:
        if parameter not in described and (entries or parameter.strip("*") not in named):
            found.append(f"does not describe the argument {parameter!r}")
    invented = [name for name in entries_of(sections.get("Args", "")) if name not in parameters]
    found += [f"describes {name!r}, which is no argument" for name in invented]
    missing = sorted(set(raised) - set(entries_of(sections.get("Raises", ""))))
    found += [f"does not say under `Raises:` when it raises {error}" for error in missing]
    if example and not re.search(r"^\s*>>> ", doc, re.MULTILINE):
        found.append("has no example that runs (>>> ...)")
    if source and not SOURCE.search(doc):
        found.append("names no source, such as (Kingma and Welling, 2014)")
    if shapes and not SHAPE.search(doc):
        found.append("says no shape, such as `(batch, latent_dim)`")
    if nats and "nats" not in doc:
        found.append("does not say that the unit is nats")
    return found


# What the code does ---------------------------------------------------------------------------------


def is_ours(value):
    return getattr(value, "__module__", "").split(".")[0] in ("keras_vae", __name__.split(".")[0])


def tree_of(function):
    """The syntax tree of a function as it was written, or None where a class decorator wrote it."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function)))).body[0]
    except OSError:
        return None


def parameters_of(function):
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    parameters = inspect.signature(function).parameters.values()
    return [stars.get(item.kind, "") + item.name for item in parameters if item.name not in ("self", "cls")]


def errors_of(function):
    """Names of the errors that the function's own lines raise; a contract's `NotImplementedError` is none."""
    tree = tree_of(function)
    found = set()
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
            found.add(node.exc.func.id)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CHECKS:
            found.add("ValueError")
    return found - {"NotImplementedError"}


def has_tensors(function):
    """Whether its hints name tensors or data."""
    tree = tree_of(function)
    if tree is None:
        return False
    hints = [tree.returns, *(item.annotation for item in (*tree.args.args, *tree.args.kwonlyargs))]
    names = {name for hint in hints if hint is not None for name in re.findall(r"\w+", ast.unparse(hint))}
    return bool(names & {"Array", "Data", "Tensor"})


def problems_of_function(function, name, *, entries=True, example=True, overrides=False):
    return problems_of(
        inspect.cleandoc(function.__doc__ or ""),
        [] if overrides else parameters_of(function),
        errors_of(function),
        entries=entries,
        example=example,
        shapes=has_tensors(function) and not overrides,
        nats=bool(IN_NATS.search(name)) and not overrides,
    )


def problems_of_class(cls, source):
    writes_arguments = dataclasses.is_dataclass(cls) or (inspect.isfunction(cls.__init__) and is_ours(cls.__init__))
    bases = [base for base in cls.__mro__ if is_ours(base)]
    constructors = [vars(base)[name] for base in bases for name in ("__init__", "__post_init__") if name in vars(base)]
    return problems_of(
        inspect.cleandoc(cls.__doc__ or ""),
        parameters_of(cls) if writes_arguments else [],
        set().union(*(errors_of(function) for function in constructors)),
        entries=True,
        example=True,
        source=source,
        shapes=issubclass(cls, (keras.layers.Layer, Distribution)),
        nats=issubclass(cls, (keras_vae.objectives.Objective, keras_vae.KLDivergenceRegularizer)),
    )


# Which names are public -----------------------------------------------------------------------------


def public_names():
    """Every public class and function once, by the longest path under which it is public."""
    found = {}
    for path in MODULES:
        module = importlib.import_module(path)
        for name in module.__all__:
            value = getattr(module, name)
            if (inspect.isclass(value) or inspect.isfunction(value)) and value not in found.values():
                found[f"{path}.{name}".removeprefix("keras_vae.")] = value
    return found


PUBLIC = public_names()
FUNCTIONS = {path: value for path, value in PUBLIC.items() if inspect.isfunction(value)}
CLASSES = {path: value for path, value in PUBLIC.items() if inspect.isclass(value)}


def members():
    """The public methods and properties of public classes, those of their private bases included."""
    public = set(CLASSES.values())
    for path, cls in CLASSES.items():
        for base in cls.__mro__:
            if not is_ours(base) or (base is not cls and base in public):
                continue
            for name, value in vars(base).items():
                function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
                if inspect.isfunction(function) and not name.startswith("_") and name not in HOOKS:
                    yield f"{path}.{name}", function, documented_above(base, name)


def documented_above(cls, name):
    for base in cls.__mro__[1:]:
        value = vars(base).get(name)
        value = value.fget if isinstance(value, property) else value
        if is_ours(base) and getattr(value, "__doc__", None):
            return True
    return False


MEMBERS = {
    path: (function, above)
    for path, function, above in members()
    # What is kept under an old name is documented under the new one.
    if not (function.__doc__ or "").startswith("The old name of") and (function.__doc__ or not above)
}


@pytest.mark.parametrize("path", FUNCTIONS)
def test_function(path):
    problems = problems_of_function(FUNCTIONS[path], path.rpartition(".")[2])
    assert not problems, f"keras_vae.{path} " + "; ".join(problems)


@pytest.mark.parametrize("path", CLASSES)
def test_class(path):
    problems = problems_of_class(CLASSES[path], path.split(".")[0] in SOURCED and path not in NO_SOURCE)
    assert not problems, f"keras_vae.{path} " + "; ".join(problems)


@pytest.mark.parametrize("path", MEMBERS)
def test_method(path):
    name = path.rpartition(".")[2]
    verb = path.startswith("models.VAE.") and name in VERBS
    function, overrides = MEMBERS[path]
    problems = problems_of_function(function, name, entries=verb, example=verb, overrides=overrides)
    assert not problems, f"keras_vae.{path} " + "; ".join(problems)


def test_all_verbs_are_looked_at():
    assert {f"models.VAE.{name}" for name in VERBS} <= set(MEMBERS)


def test_modules_say_what_they_are():
    silent = [path for path in MODULES if not importlib.import_module(path).__doc__]
    assert not silent


def test_names_without_a_source_exist():
    assert set(CLASSES) >= NO_SOURCE, NO_SOURCE - set(CLASSES)


# The checks themselves can fail -----------------------------------------------------------------------


GOOD = """Doubles data (Nobody, 2001).

Args:
    x: `(batch, time)`.

Returns:
    `(batch, time)`, in nats.

Raises:
    ValueError: never.

Example:

>>> 1
1
"""


@pytest.mark.parametrize(
    ("removed", "added", "complaint"),
    [
        ("data (Nobody, 2001).", "data (Nobody, 2001)", "one sentence"),
        (".\n\nArgs", ".\nArgs", "one sentence"),
        ("    x: `(batch, time)`.", "", "'x'"),
        ("    x:", "    other: none.\n    x:", "'other'"),
        ("    ValueError: never.", "    TypeError: never.", "ValueError"),
        (">>> 1", "1", "example"),
        ("(Nobody, 2001)", "(nobody)", "source"),
        ("`(batch, time)`", "some", "shape"),
        ("nats", "bits", "nats"),
        (GOOD, "", "no docstring"),
    ],
)
def test_each_omission_is_reported(removed, added, complaint):
    asked = {"entries": True, "example": True, "source": True, "shapes": True, "nats": True}
    assert problems_of(GOOD, ["x"], {"ValueError"}, **asked) == []
    found = problems_of(GOOD.replace(removed, added), ["x"], {"ValueError"}, **asked)
    assert any(complaint in problem for problem in found), found


class Silent(keras.layers.Layer):
    """Says nothing"""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError("too few")


def test_a_class_that_says_nothing_is_reported_for_everything():
    found = " ".join(problems_of_class(Silent, source=True))
    for complaint in ("one sentence", "'units'", "'**kwargs'", "ValueError", "example", "source", "shape"):
        assert complaint in found
