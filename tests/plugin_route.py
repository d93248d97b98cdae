"""The plugin route as a stranger takes it: wheels of keras_vae and of a plugin, in a fresh environment.

python -m tests.plugin_route

Builds both wheels, installs them outside of the checkout, and there: uses the plugin's parts by name, runs the
plugin's own tests, saves a model, loads it in a process that never imports the plugin, and uninstalls the plugin
to see what loading says then. Further plugins are broken on purpose. Takes a few minutes, most of them pip's.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "examples" / "plugin_package"

SAVE = """
import sys
import keras, numpy as np
import keras_vae as kv
vae = kv.VAE((6,), 2, encoder="fourier", posterior="isotropic", prior="logistic", decoder="siren",
             likelihood="logistic", objective="iwae_bound", seed=0)
vae.compile("adam")
x = np.random.default_rng(0).standard_normal((64, 6)).astype("float32")
vae.fit(x, epochs=2, verbose=0)
vae.save("model.keras")
np.save("elbo.npy", vae.elbo(x, seed=1))
np.save("x.npy", x)
print("saved")
"""

SAVE_DIRECTLY = """
import keras_vae as kv
from vae_logistic.prior import Logistic
kv.VAE((6,), 2, prior=Logistic()).save("direct.keras")
print("saved", kv.VAE((6,), 2, prior=Logistic()).get_config()["plugins"][0]["distribution"])
"""

LOAD = """
import sys
import keras, numpy as np
import keras_vae
model = keras.saving.load_model("model.keras")
np.testing.assert_allclose(model.elbo(np.load("x.npy"), seed=1), np.load("elbo.npy"), rtol=1e-5)
print("loaded", type(model.prior).__module__)
"""

BROKEN = {
    # What its one module says, and what the listing must say of it.
    "vae-raises": ("raise RuntimeError('no licence')", "raises", "RuntimeError: no licence"),
    "vae-collides": (
        "import keras_vae.priors as p\nclass Standard(p.Prior):\n    '''Another standard.'''",
        "standard",
        "already taken",
    ),
    "vae-mistyped": ("class Part:\n    '''No prior.'''", "mistyped", "subclass of keras_vae.priors.Prior"),
}


class Route:
    """Commands in a fresh environment, each of which must end as it should."""

    def __init__(self, folder, backend):
        self.folder = folder
        self.python = folder / "env" / "bin" / "python"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")},
            "KERAS_BACKEND": backend,
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }

    def run(self, *arguments, fails=False):
        """Output of a command; `fails` says that it must not succeed."""
        result = subprocess.run(
            list(map(str, arguments)), cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        output = result.stdout + result.stderr
        if (result.returncode != 0) != fails:
            sys.exit(f"{' '.join(map(str, arguments))} ended with {result.returncode}:\n{output}")
        return output

    def script(self, source, **options):
        """Output of a Python program in the fresh environment."""
        return self.run(self.python, "-c", source, **options)

    def listing(self):
        """What `python -m keras_vae --json` lists."""
        result = subprocess.run(
            [str(self.python), "-m", "keras_vae", "--json"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(result.stdout)


def require(condition, message):
    if not condition:
        sys.exit(message)
    print(f"ok: {message.split('. Received')[0]}", flush=True)


def write_broken(folder, name, source, entry):
    """A plugin of one module that is wrong in one way."""
    module = name.replace("-", "_")
    package = folder / name
    (package / module).mkdir(parents=True)
    (package / module / "__init__.py").write_text(source + "\n")
    cls = "Standard" if entry == "standard" else "Part"
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "{name}"\nversion = "0.1"\n'
        f'[project.entry-points."keras_vae.priors"]\n{entry} = "{module}:{cls}"\n'
    )
    return package


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="jax", help="installed in the fresh environment (default: jax)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        route = Route(folder, options.backend)
        wheels = folder / "wheels"
        broken = [write_broken(folder, name, source, entry) for name, (source, entry, _) in BROKEN.items()]
        for source in (ROOT, PLUGIN, *broken):
            route.run(sys.executable, "-m", "build", "--wheel", "--outdir", wheels, source)
        shutil.copytree(PLUGIN / "tests", folder / "plugin_tests")
        route.run(sys.executable, "-m", "venv", folder / "env")
        install = (route.python, "-m", "pip", "install", "--quiet", "--find-links", wheels)
        # By their paths: a distribution of this name elsewhere must not win.
        library, plugin = (next(wheels.glob(f"{name}-*.whl")) for name in ("keras_vae", "vae_logistic"))
        route.run(*install, f"{library}[{options.backend}]", f"{plugin}[test]")
        where = route.script("import keras_vae; print(keras_vae.__file__)")
        require(str(folder) in where, f"keras_vae comes from its wheel. Received: {where}")

        route.script(SAVE)
        require((folder / "model.keras").is_file(), "a model of the plugin's parts, by name, trains and is saved")
        saved = route.script(SAVE_DIRECTLY)
        require("saved vae-logistic" in saved, "so is one whose part is imported from the plugin's module")
        loaded = route.script(LOAD)
        require("loaded vae_logistic" in loaded, f"it loads where nobody imports the plugin. Received: {loaded}")
        tests = route.run(route.python, "-m", "pytest", "-q", folder / "plugin_tests")
        require(" passed" in tests, f"the plugin's own tests pass: {tests.strip().splitlines()[-1]}")
        ours = [entry for entry in route.listing()["components"] if entry["origin"].startswith("vae-logistic")]
        require(len(ours) == 6, f"the listing names the plugin's six parts. Received: {ours}")

        route.run(*install, "--no-deps", *BROKEN)
        listing = route.listing()
        for name, (_, entry, expected) in BROKEN.items():
            failure = [item for item in listing["failures"] if item["origin"] == name and item["name"] == entry]
            require(
                len(failure) == 1 and expected in failure[0]["error"],
                f"the broken plugin {name} is named, with its mistake. Received: {listing['failures']}",
            )
        said = route.script(f"import keras_vae as kv; kv.VAE((6,), 2, prior={'raises'!r})", fails=True)
        require("vae-raises" in said and "no licence" in said, f"asking for its part names it too. Received: {said}")
        require("loaded" in route.script(LOAD), "and everything else keeps working")

        route.run(route.python, "-m", "pip", "uninstall", "--quiet", "--yes", "vae-logistic", *BROKEN)
        said = route.script(LOAD, fails=True)
        for word in ("vae-logistic", "0.1.0", "vae_logistic.prior.Logistic"):
            require(word in said, f"without the plugin, loading names {word}. Received: {said}")


if __name__ == "__main__":
    main()
