"""One colour, one name for each source, in every figure."""

COLOURS = {
    "data": "#222222",
    "lfp": "#0072b2",
    "ntk": "#56b4e9",
    "linearized": "#999999",
    "antisymmetric": "#d55e00",
    "plain": "#e69f00",
    "spline": "#009e73",
}
LABELS = {
    "data": "data",
    "lfp": "LFP",
    "ntk": "NTK",
    "linearized": "linearised network",
    "antisymmetric": "network, antisymmetric",
    "plain": "network, plain",
    "spline": "spline",
}
MARKERS = "osD^v<>p"
