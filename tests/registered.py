"""What the package itself registers: other tests, and examples in the documentation, register more in one process."""


def own(family):
    """The classes of a registry that are in the package, by name."""
    return {name: cls for name, cls in family.items() if cls.__module__.startswith("keras_vae.")}
