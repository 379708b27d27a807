"""Interpolant: what the end of a flow can be asked for."""

import numpy as np

from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.choice import Initial
from lfp.minimum import Minimum
from lfp.status import Status


class Interpolant:
    """The end of a flow, a function of x.

    Attributes:
        norm: `||h - h_ini||` in the kernel's function space (the FP-norm of the law), of several
            outputs the root of the sum of squares; NaN where a ridge hides that K is indefinite.
        status: a `Status`.
    """

    def __init__(
        self,
        minimum: Minimum,
        scale: float,
        square: float,
        samples: np.ndarray,
        place: np.ndarray | None,
        initial: Initial,
        outputs: tuple[int, ...],
        status: Status,
    ) -> None:
        # of the data divided by scale
        self._minimum, self._scale, self._samples, self._place = minimum, scale, samples, place
        self._initial, self._outputs = initial, outputs
        self.norm, self.status = scale * float(np.sqrt(max(square, 0.0))), status

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """Values `(m,)`, or `(m, c)` for c outputs, at x, `(m, d)` or `(m,)` when d = 1."""
        x = check.points("x", x)
        check.same_dimension("x", x, "the samples", self._samples)
        values = self._scale * self._minimum.evaluate(x).reshape(len(x), *self._outputs)
        if self._initial is not None:
            values = values + check.outputs_of("initial", self._initial, x, self._outputs)
        return values

    def leave_one_out(self) -> np.ndarray:
        """`y_i - h^(-i)(x_i)`, what the interpolant of all samples but the i-th misses there.

        With `G = (K(X, X) + n ridge)^-1`, on what is orthogonal to functions that are not
        penalised, it is `c_i / G_ii`: no interpolant is computed again. n ridge stays what it
        was. At a position that is repeated (ridge = 0) nothing is missed.

        Returns:
            `(n,)`, or `(n, c)` for c outputs; NaN where the others do not determine the functions
            that are not penalised.

        Raises:
            ValueError: the solver has no factorisation that gives G_ii: "iterative", "banded" with
                ridge > 0, a lattice with fewer modes than samples.
        """
        if isinstance(self._minimum.leave_one_out, str):
            raise ValueError(f"leave_one_out does not exist here: {self._minimum.leave_one_out}")
        with np.errstate(invalid="ignore", divide="ignore"):
            errors = self._scale * self._minimum.leave_one_out()
        if self._place is not None:
            repeated = np.bincount(self._place)[self._place] > 1
            errors = np.where(repeated[:, None], 0.0, errors[self._place])
        return errors.reshape(len(errors), *self._outputs)
