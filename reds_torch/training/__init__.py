"""Training: one Lightning module for ordinary and nested networks."""

from .calibration import recalibrate
from .callbacks import MetricsFile
from .evaluation import accuracies
from .losses import weight_share_factors
from .memory import convolution_format, keep_freed_memory
from .module import NestedClassifier
from .progress import StageProgress, stage_progress

__all__ = [
    "MetricsFile",
    "NestedClassifier",
    "StageProgress",
    "accuracies",
    "convolution_format",
    "keep_freed_memory",
    "recalibrate",
    "stage_progress",
    "weight_share_factors",
]
