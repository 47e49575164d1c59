"""Training: one Lightning module for ordinary and nested networks."""

from .calibration import recalibrate
from .callbacks import MetricsFile
from .evaluation import accuracies
from .memory import convolution_format, keep_freed_memory
from .module import NestedClassifier
from .objectives import Objective, parameter_shares
from .progress import StageProgress, stage_progress

__all__ = [
    "MetricsFile",
    "NestedClassifier",
    "Objective",
    "StageProgress",
    "accuracies",
    "convolution_format",
    "keep_freed_memory",
    "parameter_shares",
    "recalibrate",
    "stage_progress",
]
