"""Risk beyond the samples: the a-priori bound, early stopping, the effective frequency range."""

from compare.generalization.bound import bound_against_risk
from compare.generalization.early_stopping import (
    EarlyStopping,
    best_times,
    early_stopping,
    risk_along,
)
from compare.generalization.frequency_range import (
    ErrorByFrequency,
    FrequencyRange,
    effective_range,
    error_by_frequency,
)
from compare.generalization.practice import stopping_of_networks
from compare.generalization.risk import Risk, population_risk

__all__ = [
    "EarlyStopping",
    "ErrorByFrequency",
    "FrequencyRange",
    "Risk",
    "best_times",
    "bound_against_risk",
    "early_stopping",
    "effective_range",
    "error_by_frequency",
    "population_risk",
    "risk_along",
    "stopping_of_networks",
]
