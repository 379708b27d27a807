"""FP-norms of functions on a lattice, and the a-priori bound made of them."""

import numpy as np

from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.critical_decay import warn_if_not_regular
from lfp.lattice import Lattice
from lfp.laws import Law


def fp_norm(
    law: Law,
    lattice: Lattice,
    coefficients: ArrayLike,
    *,
    dim: check.Integer | None = None,
    x: ArrayLike | None = None,
) -> np.ndarray:
    """The FP-norm of functions given by their coefficients on a lattice::

        h(x) = sum_k (c_k + sum_j x_j d_kj) exp(2 pi i k.x/P),
        ||h||^2 = sum_k |c_k|^2 / D_k + sum_kj |d_kj|^2 / D'_k

    D and D' are those of `Lattice.coefficients`: on a torus `D_k = gamma^2(xi_k)/P^d` with
    `gamma^2 = A + B`, and `D'_k = B(xi_k)/P^d` where the law has the divergence term. It is the
    norm of the function space of the lattice's kernel, affine part included: the functions
    `exp` and `x_j exp` are linearly independent, so that a function has one set of coefficients
    only. What is not penalised (D infinite: a free constant) does not count; where D = 0 (an
    excluded constant) a function with a coefficient is not in the space, and its norm is infinite.

    A free lattice has a few small negative D from its window, so the sum is a norm only for
    what is learned there, `h = sum_i w_i K(., x_i)` on samples that fit: it is then
    `sum_ij w_i w_j K(x_i, x_j)`, which is not negative, however many D are. The
    coefficients must come from the lattice itself: divided by a D of the size of rounding,
    any other rounding is not small. D depends on the samples a little, because their
    diameter widens the window where it exceeds a third of the period, or the cutoff is
    below 84; then x is needed.

    Args:
        law: a law.
        lattice: a `Lattice`.
        coefficients: complex or real, `(.., M)` or `(.., (1 + d) M)`, `M = (2N + 1)^d`, in the
            layout of `Flow.coefficients` (whose outputs, if several, are to be moved to the
            front). The d_kj are 0 if left out.
        dim: d; needed only where the length allows two.
        x: on a free lattice, the samples from which the function was learned, see above.

    Returns:
        The norms, of the shape of the leading axes.

    Raises:
        ValueError: a length that is none of the above; values that are not finite; a free
            lattice of a cutoff up to 28 without x; a square norm that is negative; a norm of a
            function in the space that is beyond the largest float.
        TypeError: coefficients that are not numbers; no law or lattice.

    Warns:
        UserWarning: a law at or below the critical decay on a torus, alpha <= d.

    Source: Luo, Ma, Xu, Zhang 2022 (FP-norm, without the second sum).
    """
    _check_kinds(law, lattice)
    values = _complex_array(coefficients)
    dimension = lattice_dimension(lattice, values.shape[-1], dim)
    reach = _reach(lattice, x, dimension)
    warn_if_not_regular(law, lattice, dimension)
    stationary, modulated = lattice.coefficients(law, dimension, reach)
    blocks = np.stack([stationary] + dimension * [modulated])
    weights = complex_order(blocks).ravel()[: values.shape[-1]]
    scaled, exponent = unit_scaled(values)
    size = np.abs(scaled)
    # nothing of a function costs nothing, also where D = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = np.where(size == 0, 0.0, size / np.sqrt(np.abs(weights)))
    # squares of very small or large ones are not floats
    largest = roots.max(axis=-1)
    unit = np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
    with np.errstate(over="ignore"):  # beside a root that is infinite
        terms = (roots / unit[..., None]) ** 2
    square = np.where(weights < 0, -terms, terms).sum(axis=-1)
    total = terms.sum(axis=-1)
    below = ~(square >= -1e-12 * total)
    if below.any():
        raise ValueError(
            f"coefficients must be those of a function learned on this free lattice, whose window "
            f"makes {np.count_nonzero(weights < 0)} of its D negative: the square norm is "
            f"{(square[below] / total[below]).flat[0]:.3g} times the sum of |c_k|^2 / |D_k|"
        )
    root = unit * np.sqrt(np.maximum(square, 0.0))
    with np.errstate(over="ignore"):
        norm = np.ldexp(root, exponent)
    beyond = np.isinf(norm) & np.isfinite(root)
    if beyond.any():
        raise ValueError(
            f"coefficients must be smaller: the norm of a function is beyond the largest float, "
            f"its largest coefficient one of {np.abs(values[beyond]).max():.3g}"
        )
    return np.asarray(norm)


def gamma_norm(
    law: Law,
    lattice: Lattice,
    *,
    dim: check.Integer = 1,
    radius: check.Number | None = None,
) -> float:
    """`||gamma||_l2`, the factor between the FP-norm and the largest value of a function::

        ||gamma||^2 = sum_k (D_k + radius^2 D'_k) = max K(x, x) over |x| <= radius,
        |h(x)| <= ||h|| ||gamma||

    with D and D' of `fp_norm`; on a torus without divergence term `sum_k gamma^2(xi_k)/P^d`. The
    mode k = 0 counts as the lattice has it: not at all (zero_mode="excluded") or with its rate;
    a function without penalty (zero_mode="free", affine functions of some laws) makes it infinite.

    Args:
        law, lattice: a law and a `Lattice`; on a free one it is the law's own `K(x, x)` up to
            the tail beyond the cutoff.
        dim: dimension d of x, 1 to 3.
        radius: largest `|x|`, at least 0; only a law with the divergence term or a linear part,
            whose `K(x, x)` grows with it, uses and needs it.

    Raises:
        ValueError: dim, radius < 0, no radius where it is needed, a kernel that is negative, a
            radius at which the norm is beyond the largest float.
        TypeError: no law or lattice, a radius that is not a number.

    Warns:
        UserWarning: a law at or below the critical decay on a torus, where the sum diverges.

    Source: Zhang, lecture on the frequency principle, FAU 2025; Luo, Ma, Xu, Zhang 2022.
    """
    _check_kinds(law, lattice)
    dimension = _dimension(dim)
    if radius is not None:
        radius = check.number("radius", radius, allowed="at least 0", valid=lambda v: v >= 0)
    reach = lattice.reach(np.zeros((1, dimension)))
    modes = (1 + dimension) * (2 * int(lattice.cutoff) + 1) ** dimension
    check.fits_in_memory(32 * modes, what=f"{modes:,} modes", instead="use a smaller cutoff")
    warn_if_not_regular(law, lattice, dimension)
    stationary, modulated = lattice.coefficients(law, dimension, reach)
    square, unit = float(stationary.sum()), 1.0
    if np.isfinite(square) and modulated.any():
        if radius is None:
            raise ValueError(
                "radius must be given for a law with the divergence term or a linear part, whose "
                "kernel K(x, x) grows with |x|"
            )
        if radius > 0:
            unit = max(1.0, radius)  # its square may be beyond the largest float
            share = radius / unit
            square = square / unit / unit + share * float(modulated.sum()) * share
    if square < 0:
        raise ValueError(
            f"the kernel of this law is negative, K(x, x) = {square * unit * unit:.3g}: no norm"
        )
    norm = unit * float(np.sqrt(square))
    if np.isinf(norm) and np.isfinite(square):
        raise ValueError(f"radius must be small enough for the norm to be finite, got {radius:g}")
    return norm


def generalization_bound(
    *,
    sup_norm: check.Number,
    fp_norm: check.Number | np.ndarray,
    gamma_norm: check.Number,
    n: ArrayLike,
    delta: check.Number,
) -> np.ndarray:
    """A-priori bound of the absolute risk of the interpolant of least FP-norm::

        E|h_n - f| <= (||f||_inf + 2 ||f||_gamma ||gamma||) (2/sqrt n + 4 sqrt(2 log(4/delta)/n))

    with probability at least 1 - delta over n independent samples x_i, y_i = f(x_i); the mean is
    over the same distribution of x. It is homogeneous in f, and so is the risk: an L1 error
    in the unit of y. Since `||f||_inf <= ||f||_gamma ||gamma||` it exceeds `||f||_inf`, the risk of
    knowing nothing, up to n of at least `9 (2 + 4 sqrt(2 log(4/delta)))^2`: 1725 at delta = 0.05.

    Args:
        sup_norm: `||f||_inf`, at least 0.
        fp_norm: `||f||_gamma` of `fp_norm`.
        gamma_norm: `||gamma||_l2` of `gamma_norm`, of the same law and lattice.
        n: numbers of samples, whole (as integers or floats) and at least 1, any shape up to
            three dimensions.
        delta: probability, between 0 and 1, with which the bound may fail.

    Returns:
        The bound, of the shape of n.

    Raises:
        ValueError: a norm that is negative or infinite, n < 1 or not whole, delta not between 0
            and 1, a product of the norms beyond the largest float.

    Source: Zhang, lecture on the frequency principle, FAU 2025; Luo, Ma, Xu, Zhang 2022.
    """
    sup, fp, gamma = (
        check.number(name, value, allowed="finite and at least 0", valid=lambda v: v >= 0)
        for name, value in (
            ("sup_norm", sup_norm),
            ("fp_norm", fp_norm),
            ("gamma_norm", gamma_norm),
        )
    )
    samples = check.real_array("n", n, ndim=(0, 1, 2, 3))
    bad = (samples < 1) | (samples % 1 != 0)
    if bad.any():
        raise ValueError(f"n must be whole numbers of at least 1, got {samples[bad][0]:.10g}")
    delta = check.number("delta", delta, allowed="between 0 and 1", valid=lambda v: 0 < v < 1)
    # 4/delta may be beyond the largest float
    confidence = 2 + 4 * float(np.sqrt(2 * (np.log(4) - np.log(delta))))
    largest = (sup + 2 * fp * gamma) * confidence
    if np.isinf(largest):
        raise ValueError(
            f"sup_norm + 2 fp_norm gamma_norm must be finite, got sup_norm = {sup:g}, fp_norm = "
            f"{fp:g}, gamma_norm = {gamma:g}"
        )
    return np.asarray(largest / np.sqrt(samples))


def lattice_dimension(lattice: Lattice, length: int, dim: check.Integer | None) -> int:
    """The d for which a lattice has this many coefficients, with or without all blocks.

    Raises:
        ValueError: none, or two (without dim).
    """
    side = 2 * int(lattice.cutoff) + 1
    dims = (1, 2, 3)
    if dim is not None:
        dims = (_dimension(dim),)
    allowed = {d: (side**d, (1 + d) * side**d) for d in dims}
    fitting = [d for d, lengths in allowed.items() if length in lengths]
    if not fitting:
        which = ", ".join(f"{one} or {all_} (d = {d})" for d, (one, all_) in allowed.items())
        raise ValueError(
            f"coefficients must have {which} entries in their last axis on a lattice of cutoff "
            f"{lattice.cutoff}, got {length}"
        )
    if len(fitting) > 1:
        raise ValueError(
            f"dim must be given: {length} coefficients on a lattice of cutoff {lattice.cutoff} "
            f"may be those of d = {fitting[0]} or d = {fitting[1]}"
        )
    return fitting[0]


def unit_scaled(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`values / 2^e`, the largest part of the last axis between 1/2 and 1, and e, `(..)`.

    Nothing is rounded, and squares of the result neither overflow nor all underflow.
    """
    parts = np.stack([np.real(values), np.imag(values)])
    _, exponent = np.frexp(np.abs(parts).max(axis=(0, -1)))
    real, imaginary = np.ldexp(parts, -exponent[..., None])
    return real + 1j * imaginary, np.asarray(exponent)


def complex_order(weights: np.ndarray) -> np.ndarray:
    """D of the real modes, `(.., M)`, for the complex ones, every axis of k ascending."""
    half = weights[..., 1 : weights.shape[-1] // 2 + 1]
    return np.concatenate([half[..., ::-1], weights[..., :1], half], axis=-1)


def _dimension(dim: check.Integer) -> int:
    value = check.integer("dim", dim, least=1)
    if value > 3:
        raise ValueError(f"dim must be 1, 2 or 3 on a Lattice, got {dim}")
    return value


def _reach(lattice: Lattice, x: ArrayLike | None, dim: int) -> float:
    """That of the samples, or of any that fit into a third of the period."""
    if x is not None:
        samples = check.points("x", x)
        if samples.shape[1] != dim:
            raise ValueError(
                f"x and coefficients must have the same dimension, got {samples.shape[1]} and {dim}"
            )
        return lattice.reach(samples)
    reach = lattice.reach(np.zeros((1, dim)))
    if reach <= 0:
        raise ValueError(
            f"x, the samples, must be given on a free lattice of cutoff {lattice.cutoff}, whose "
            f"window depends on them: or use a cutoff of at least 84"
        )
    return reach


def _complex_array(coefficients: ArrayLike) -> np.ndarray:
    try:
        values = np.asarray(coefficients)
    except ValueError as error:
        raise ValueError(f"coefficients must be a rectangular array of numbers: {error}") from None
    if values.dtype.kind not in "fiuc":
        raise TypeError(f"coefficients must be numbers, got dtype {values.dtype}")
    if values.ndim == 0 or values.size == 0:
        raise ValueError(f"coefficients must have shape (.., modes), got {values.shape}")
    if not np.isfinite(values).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise ValueError(f"coefficients must be finite, got {values[where]} at index {where}")
    return values


def _check_kinds(law: object, lattice: object) -> None:
    if not isinstance(law, Law):
        raise TypeError(f"law must be a law such as TwoLayer, got {law!r}")
    if not isinstance(lattice, Lattice):
        raise TypeError(f"lattice must be a Lattice, got {lattice!r}")
