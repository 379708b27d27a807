"""Which integrator follows a gradient flow: by name, by choice, or any of diffrax's."""

from typing import Any

import diffrax
import equinox as eqx

from nets._checks import one_of
from nets._steps import counts_its_cost
from nets.chebyshev import Chebyshev
from nets.exponential import ExponentialMidpoint
from nets.networks import kinked

_SOLVERS = {"exponential": ExponentialMidpoint, "chebyshev": Chebyshev}
_LARGE = 500
_FINE = 1e-4


def choose_solver(net: Any, outputs: int, rtol: float) -> str:
    """The cheaper of our two integrators for this network, number of outputs and tolerance."""
    if outputs > _LARGE:
        return "chebyshev"
    return "chebyshev" if rtol < _FINE and kinked(net) else "exponential"


def as_solver(value: Any, rtol: float) -> tuple[Any, str]:
    """A solver of diffrax's kind that estimates its error, and its name in words.

    An implicit one that takes the tolerances of its root finder from those of the steps solves its
    stages to rtol, relative and absolute, as with diffrax's own step size controllers.
    """
    if isinstance(value, str):
        return _SOLVERS[one_of("solver", value, tuple(_SOLVERS))](), value
    name = type(value).__name__
    words = ", ".join(map(repr, _SOLVERS))
    if isinstance(value, type) or not isinstance(value, diffrax.AbstractSolver):
        raise TypeError(
            f"solver must be {words}, None, or a diffrax solver such as diffrax.Tsit5(), "
            f"got {value!r:.60}"
        )
    if counts_its_cost(value):
        return value, {kind: word for word, kind in _SOLVERS.items()}.get(type(value), name)
    if value.term_structure not in (diffrax.AbstractTerm, diffrax.ODETerm):
        raise ValueError(f"solver must integrate one diffrax.ODETerm, got {name}")
    if not isinstance(value, diffrax.AbstractAdaptiveSolver):
        raise ValueError(f"solver must estimate its error, as diffrax.Tsit5() does, got {name}")
    return _with_tolerances(value, diffrax.PIDController(rtol=rtol, atol=rtol)), name


def _with_tolerances(solver: Any, steps: diffrax.PIDController) -> Any:
    """The solver, or the one within, with the root finder's tolerances where it has none."""
    if isinstance(solver, diffrax.AbstractWrappedSolver):
        within = _with_tolerances(solver.solver, steps)
        return eqx.tree_at(lambda tree: tree.solver, solver, within)
    if not isinstance(solver, diffrax.AbstractImplicitSolver):
        return solver
    if eqx.is_array_like(getattr(solver.root_finder, "rtol", 0.0)):
        return solver
    return eqx.tree_at(
        lambda tree: (tree.root_finder.rtol, tree.root_finder.atol, tree.root_finder.norm),
        solver,
        (steps.rtol, steps.atol, steps.norm),
    )
