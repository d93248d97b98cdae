"""Models that the library does not know: every component here is a plugin, written from the documentation."""
