"""Activations: closed forms of the named ones, quadrature for a user's function."""

from lfp.activations.closed import NAMED, Activation, Function

__all__ = ["NAMED", "Activation", "Function"]
