"""An example of a plugin for keras_vae."""
