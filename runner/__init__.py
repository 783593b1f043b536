"""Swedish speech to text on a GPU you do not own."""

__version__ = "0.1.0"
