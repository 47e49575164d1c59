"""Training: one Lightning module for ordinary and nested networks."""

from .best_epoch import BestEpoch
from .calibration import recalibrate
from .checkpoint_files import ReplacingCheckpointIO
from .distributed import (
    TerminationAsInterrupt,
    check_strategy,
    end_with_parent,
    lost_another,
    start_processes,
)
from .divergence import DivergedError, FiniteTraining
from .evaluation import accuracies
from .int8_training import Int8Training
from .memory import convolution_format, keep_freed_memory
from .metrics_file import MetricsFile
from .module import NestedClassifier
from .objectives import Objective, parameter_shares
from .progress import StageProgress, stage_progress
from .search_again import SearchAgain, search_epochs

__all__ = [
    "BestEpoch",
    "DivergedError",
    "FiniteTraining",
    "Int8Training",
    "MetricsFile",
    "NestedClassifier",
    "Objective",
    "ReplacingCheckpointIO",
    "SearchAgain",
    "StageProgress",
    "TerminationAsInterrupt",
    "accuracies",
    "check_strategy",
    "convolution_format",
    "end_with_parent",
    "keep_freed_memory",
    "lost_another",
    "parameter_shares",
    "recalibrate",
    "search_epochs",
    "stage_progress",
    "start_processes",
]
