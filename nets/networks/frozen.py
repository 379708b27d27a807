"""Arrays of a network that are not trained, by the name that other modules know."""

from nets._frozen import Frozen

__all__ = ["Frozen"]
