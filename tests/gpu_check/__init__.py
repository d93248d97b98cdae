"""Checks of a machine with a GPU; small on a CPU. See `__main__`."""
