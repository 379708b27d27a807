"""Conventions of the whole project: Fourier sign, frequencies and time.

Fourier transform: `f^(xi) = integral f(x) exp(-2 pi i xi.x) dx`, with xi in cycles per
unit of x. Time: the flow of the loss `1/(2n) sum_i r_i^2` for a network that carries the
prefactor `m^(-1/2)`, so that `h'(x) = -(1/n) sum_i K(x, x_i) r_i` with the tangent kernel
K, and `t = learning rate * steps` for plain gradient descent.
"""

from lfp import _checks as check

LOSSES = ("half_mean", "mean", "half_sum", "sum")
PREFACTORS = ("1/sqrt(width)", "1", "1/width")


def time_factor(
    *,
    loss: str = "half_mean",
    samples: check.Integer = 1,
    outputs: check.Integer = 1,
    prefactor: str = "1/sqrt(width)",
    width: check.Integer = 1,
    output_scale: check.Number = 1.0,
) -> float:
    """Factor between another convention's time and ours: `t_here = factor * t_there`.

    Args:
        loss: the loss whose gradient is followed, for residuals r of n samples:
            "half_mean" `1/(2n) sum r^2` (ours), "mean" `1/(n c) sum r^2` (averaged over
            the c outputs as well), "half_sum" `1/2 sum r^2`, or "sum" `sum r^2`.
        samples: n, used by the two sums.
        outputs: c, used by "mean".
        prefactor: of the sum over the m hidden units: "1/sqrt(width)" (ours), "1" or
            "1/width".
        width: m, used by the last two prefactors.
        output_scale: a constant that multiplies the network's output inside the loss.

    Returns:
        The factor. There is none for the NTK parametrisation and for learning rates that
        differ between groups of parameters (they reweight the parts of the tangent
        kernel, which has to be rebuilt), and Adam has no time at all.

    Raises:
        ValueError: unknown loss or prefactor, non-positive numbers.
    """
    check.choice("loss", loss, LOSSES)
    check.choice("prefactor", prefactor, PREFACTORS)
    n = check.integer("samples", samples, least=1)
    c = check.integer("outputs", outputs, least=1)
    m = check.integer("width", width, least=1)
    scale = check.positive("output_scale", output_scale)
    of_loss = {"half_mean": 1.0, "mean": 2.0 / c, "half_sum": n, "sum": 2.0 * n}[loss]
    of_prefactor = {"1/sqrt(width)": 1.0, "1": m, "1/width": 1.0 / m}[prefactor]
    return of_loss * of_prefactor * scale**2
