"""How every figure looks: one colour, one marker, one name for each source."""

from typing import Any

# Okabe and Ito's eight colours, which colour-blind readers can tell apart, and greys
COLOURS = {
    "data": "#222222",
    "lfp": "#0072b2",
    "ntk": "#56b4e9",
    "linearized": "#999999",
    "antisymmetric": "#d55e00",
    "plain": "#e69f00",
    "spline": "#009e73",
    "bound": "#cc79a7",
}
LABELS = {
    "data": "data",
    "lfp": "LFP",
    "ntk": "NTK",
    "linearized": "linearised network",
    "antisymmetric": "network, antisymmetric",
    "plain": "network, plain",
    "spline": "spline",
    "bound": "bound",
}
TEST = "#8c564b"  # measured between or beyond the training data
GUIDE = "#b3b3b3"  # thresholds, ranges, what a picture is to be compared with
MARKERS = "osD^v<>p"
SEQUENCE = "viridis"  # map of an ordered quantity: peaks, alpha, width, time
RC: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",  # text stays text: smaller, and can be searched
    "svg.hashsalt": "linear-frequency-principle",  # the same picture is the same file
}
