"""Names for components: decorators, entry points, and everything `get` takes."""

import importlib.metadata
import types
import warnings

import keras
import pytest

import keras_vae as kv
from keras_vae import registry
from keras_vae.registry import Registry
from tests.registered import own

pytestmark = pytest.mark.on_torch

FAMILIES = ("encoders", "decoders", "priors", "posteriors", "latents", "likelihoods", "objectives", "samplers")


@pytest.fixture
def shapes():
    """An empty family of layers."""
    family = Registry("shapes")
    family.contract(type("Shape", (keras.layers.Layer,), {}))
    return family


@pytest.fixture
def entry_points(monkeypatch):
    """Function that installs entry points `(name, distribution, load)` for every family."""

    def install(*points):
        def find(group=None):
            return [
                types.SimpleNamespace(
                    name=name,
                    value=f"{distribution}:{name}",
                    load=load,
                    dist=types.SimpleNamespace(name=distribution),
                    group=group,
                )
                for name, distribution, load in points
            ]

        monkeypatch.setattr(importlib.metadata, "entry_points", find)

    return install


def shape(family, class_name="Circle"):
    return type(class_name, (family.contract_class,), {"__module__": __name__})


class TestRegister:
    def test_a_name_gives_its_class(self, shapes):
        circle = shapes.register("circle", package="tests")(shape(shapes))
        assert shapes.names() == ["circle"]
        assert shapes.items() == [("circle", circle)]
        assert type(shapes.get("circle")) is circle

    def test_keras_knows_it_by_package_and_family(self, shapes):
        circle = shapes.register("circle", package="tests_a")(shape(shapes))
        assert keras.saving.get_registered_name(circle) == "tests_a.shapes>Circle"
        assert keras.saving.get_registered_object("tests_a.shapes>Circle") is circle

    def test_the_same_object_twice_is_no_mistake(self, shapes):
        circle = shape(shapes)
        assert shapes.register("circle", package="tests_b")(circle) is circle
        assert shapes.register("circle", package="tests_b")(circle) is circle
        assert shapes.names() == ["circle"]

    def test_another_object_under_a_name_raises(self, shapes):
        shapes.register("circle", package="tests_c")(shape(shapes))
        with pytest.raises(ValueError, match=r"'circle'.*already taken.*overwrite=True"):
            shapes.register("circle", package="tests_c")(shape(shapes, "OtherCircle"))

    def test_another_class_of_one_name_in_one_package_raises(self, shapes):
        # Keras lets the last one win, silently.
        shapes.register("circle", package="tests_d")(shape(shapes))
        with pytest.raises(ValueError, match=r"tests_d\.shapes>Circle.*already taken"):
            shapes.register("round", package="tests_d")(shape(shapes))
        assert shapes.names() == ["circle"]

    def test_overwrite_replaces_as_in_a_notebook(self, shapes):
        shapes.register("circle", package="tests_e")(shape(shapes))
        again = shapes.register("circle", package="tests_e", overwrite=True)(shape(shapes))
        assert type(shapes.get("circle")) is again
        assert keras.saving.get_registered_object("tests_e.shapes>Circle") is again

    @pytest.mark.parametrize("name", [None, "", 3])
    def test_a_name_is_a_string(self, shapes, name):
        with pytest.raises(TypeError, match=r"`name`.*shapes\.register"):
            shapes.register(name)

    def test_the_decorator_without_a_name_says_how(self, shapes):
        with pytest.raises(TypeError, match="`name`"):
            shapes.register(shape(shapes))

    def test_a_class_of_another_kind_raises(self, shapes):
        with pytest.raises(TypeError, match=r"subclass of .*Shape.*Dense"):
            shapes.register("dense", package="tests")(keras.layers.Dense)
        with pytest.raises(TypeError, match="expects a class"):
            shapes.register("function", package="tests")(lambda: None)
        assert shapes.names() == []


class TestGet:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_none_stays_none(self, family):
        assert getattr(registry, family).get(None) is None

    @pytest.mark.parametrize("family", FAMILIES)
    def test_a_name_a_class_an_instance_and_a_config(self, family):
        components = getattr(registry, family)
        name, cls = components.items()[0]
        instance = components.get(name)
        assert type(instance) is cls
        assert components.get(instance) is instance
        assert type(components.get(cls)) is cls
        assert type(components.get(keras.saving.serialize_keras_object(instance))) is cls
        assert type(components.get({"class_name": name, "config": {}})) is cls

    def test_arguments_reach_a_name_and_a_class(self):
        for identifier in ("mlp", kv.encoders.MLP):
            assert registry.encoders.get(identifier, hidden_units=(3,)).get_config()["hidden_units"] == (3,)

    def test_the_short_config_takes_arguments(self):
        encoder = registry.encoders.get({"class_name": "mlp", "config": {"hidden_units": [7, 5]}})
        assert encoder.get_config()["hidden_units"] == (7, 5)

    def test_an_unknown_name_lists_all_and_suggests_the_nearest(self):
        with pytest.raises(ValueError, match=r"Unknown likelihood 'bernouli'") as raised:
            registry.likelihoods.get("bernouli")
        message = str(raised.value)
        assert "Did you mean 'bernoulli'?" in message
        for name in registry.likelihoods.names():
            assert repr(name) in message

    def test_an_unknown_name_like_none_suggests_nothing(self):
        with pytest.raises(ValueError, match=r"'zzzzzz'. Expected one of") as raised:
            registry.priors.get("zzzzzz")
        assert "Did you mean" not in str(raised.value)

    @pytest.mark.parametrize("wrong", [3, 1.5, ["standard"], object(), keras.layers.Dense(3), kv.encoders.MLP((3,))])
    def test_anything_else_raises(self, wrong):
        with pytest.raises(TypeError, match=r"Expected one of the priors.*keras_vae\.priors\.Prior.*Received"):
            registry.priors.get(wrong)

    def test_a_class_of_another_family_raises(self):
        with pytest.raises(TypeError, match=r"priors\.get expects a subclass of keras_vae\.priors\.Prior.*MLP"):
            registry.priors.get(kv.encoders.MLP)

    def test_a_config_without_a_class_name_says_what_is_missing(self):
        with pytest.raises(ValueError, match=r"'class_name' and 'config'.*\['units'\]"):
            registry.priors.get({"units": 3})

    def test_a_config_of_another_family_raises(self):
        config = keras.saving.serialize_keras_object(kv.encoders.MLP((3,)))
        with pytest.raises(TypeError, match="Expected one of the priors"):
            registry.priors.get(config)

    @pytest.mark.parametrize("family", ["encoders", "decoders"])
    def test_a_config_of_any_keras_model_is_an_encoder_or_a_decoder(self, family):
        config = keras.saving.serialize_keras_object(keras.Sequential([keras.layers.Dense(3)]))
        assert isinstance(getattr(registry, family).get(config), keras.Sequential)

    def test_a_name_does_not_take_the_place_of_a_saved_class(self, monkeypatch):
        """A plugin that calls itself `Standard` is not what a file means by the class `Standard`."""
        config = keras.saving.serialize_keras_object(kv.priors.Standard())
        monkeypatch.setitem(registry.priors._classes, "Standard", kv.priors.Gaussian)
        assert type(kv.priors.get(config)) is kv.priors.Standard


class TestNamesOnDisk:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_every_name_is_registered_with_keras_under_package_and_family(self, family):
        ours = own(getattr(registry, family)).values()
        assert ours
        for cls in ours:
            saved_as = f"keras_vae.{family}>{cls.__name__}"
            assert keras.saving.get_registered_name(cls) == saved_as
            assert keras.saving.get_registered_object(saved_as) is cls

    def test_three_classes_called_gaussian_do_not_clash(self):
        classes = [kv.priors.Gaussian, kv.posteriors.Gaussian, kv.likelihoods.Gaussian]
        assert {cls.__name__ for cls in classes} == {"Gaussian"}
        for cls in classes:
            restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(cls()))
            assert type(restored) is cls

    def test_and_neither_does_the_distribution_value(self):
        value = kv.distributions.Gaussian([0.0], [0.0])
        restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(value))
        assert type(restored) is kv.distributions.Gaussian


class TestEntryPoints:
    def test_a_name_comes_from_an_installed_distribution(self, shapes, entry_points):
        circle = shape(shapes)
        entry_points(("circle", "acme-shapes", lambda: circle))
        assert type(shapes.get("circle")) is circle
        assert shapes.origin("circle") == "acme-shapes"
        assert keras.saving.get_registered_name(circle) == "acme-shapes.shapes>Circle"

    def test_they_are_loaded_at_the_first_unknown_name_only(self, shapes, entry_points):
        calls = []
        shapes.register("own", package="tests_f")(shape(shapes, "Own"))
        circle = shape(shapes)
        entry_points(("circle", "acme-lazy", lambda: calls.append(1) or circle))
        shapes.get("own")
        assert not calls
        shapes.get("circle")
        shapes.get("circle")
        assert calls == [1]

    def test_decorator_and_entry_point_of_one_class(self, shapes, entry_points):
        circle = shapes.register("circle", package="acme_both")(shape(shapes))
        entry_points(("circle", "acme-both", lambda: circle))
        assert shapes.names() == ["circle"]
        assert keras.saving.get_registered_name(circle) == "acme_both.shapes>Circle"

    def test_a_module_that_registers_when_its_entry_point_is_loaded(self, shapes, entry_points):
        circle = shape(shapes)
        entry_points(("circle", "acme-import", lambda: shapes.register("circle", package="acme_import")(circle)))
        assert type(shapes.get("circle")) is circle
        assert shapes.origin("circle") == "acme-import"

    def test_a_broken_one_names_itself_and_spares_the_others(self, shapes, entry_points):
        circle = shape(shapes)

        def broken():
            raise ModuleNotFoundError("No module named 'numba'")

        entry_points(("square", "acme-broken", broken), ("circle", "acme-fine", lambda: circle))
        with pytest.warns(UserWarning, match=r"'square'.*'acme-broken'.*numba"):
            assert type(shapes.get("circle")) is circle
        assert shapes.names() == ["circle"]
        with pytest.raises(ImportError, match=r"'square'.*'acme-broken'.*ModuleNotFoundError.*numba"):
            shapes.get("square")
        with pytest.raises(ValueError, match=r"Plugins that failed to load: \['square'\]"):
            shapes.get("triangle")

    def test_even_one_that_exits(self, shapes, entry_points):
        def exits():
            raise SystemExit("no licence")

        entry_points(("broken", "vae-broken", exits), ("round", "vae-fine", lambda: shape(shapes)))
        with pytest.warns(UserWarning, match=r"vae-broken.*SystemExit: no licence"):
            assert shapes.names() == ["round"]

    def test_the_others_are_there_where_warnings_are_errors(self, shapes, entry_points):
        entry_points(("broken", "vae-broken", lambda: 1 / 0), ("round", "vae-sound", lambda: shape(shapes)))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UserWarning, match="vae-broken"):
                shapes.names()
        assert shapes.names() == ["round"]

    @pytest.mark.parametrize("what", [keras.layers.Dense, "circle", lambda: None])
    def test_one_of_a_wrong_type_is_broken(self, shapes, entry_points, what):
        entry_points(("square", "acme-wrong", lambda: what))
        with pytest.warns(UserWarning, match=r"'acme-wrong'.*TypeError"):
            assert shapes.names() == []
        with pytest.raises(ImportError, match=r"'acme-wrong'.*TypeError"):
            shapes.get("square")

    def test_one_that_takes_the_name_of_another_is_broken(self, shapes, entry_points):
        own = shapes.register("circle", package="tests_g")(shape(shapes))
        entry_points(("circle", "acme-thief", lambda: shape(shapes, "Thief")))
        with pytest.warns(UserWarning, match=r"'circle'.*'acme-thief'.*already taken"):
            assert shapes.names() == ["circle"]
        assert type(shapes.get("circle")) is own

    def test_load_plugins_loads_every_family(self, entry_points, monkeypatch):
        entry_points()
        for family in FAMILIES:
            monkeypatch.setattr(getattr(registry, family), "_plugins_loaded", False)
        kv.load_plugins()
        assert all(getattr(registry, family)._plugins_loaded for family in FAMILIES)

    def test_they_are_loaded_before_a_saved_model_is_resolved(self, entry_points, monkeypatch, tmp_path):
        circle = type("PluginPrior", (kv.priors.Standard,), {"__module__": __name__})
        family = registry.priors
        family.register("plugin_prior", package="acme-saved")(circle)
        small = {"encoder": kv.encoders.MLP((3,)), "decoder": kv.decoders.MLP((3,))}
        kv.VAE(data_shape=(4,), latent_dim=2, prior="plugin_prior", **small).save(tmp_path / "vae.keras")
        inputs = keras.Input((2,))
        outputs = kv.KLDivergenceRegularizer(prior="plugin_prior")([inputs, inputs])
        keras.Model(inputs, outputs).save(tmp_path / "layer.keras")

        def forget():
            family._classes.pop("plugin_prior", None)
            keras.saving.get_custom_objects().pop("acme-saved.priors>PluginPrior", None)
            monkeypatch.setattr(family, "_plugins_loaded", False)

        entry_points(("plugin_prior", "acme-saved", lambda: circle))
        try:
            forget()
            assert type(keras.saving.load_model(tmp_path / "vae.keras").prior) is circle
            forget()
            loaded = keras.saving.load_model(tmp_path / "layer.keras")
            assert any(type(getattr(layer, "prior", None)) is circle for layer in loaded.layers)
            assert family.origin("plugin_prior") == "acme-saved"
        finally:
            forget()
            family._origins.pop("plugin_prior", None)
