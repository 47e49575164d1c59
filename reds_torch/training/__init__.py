"""Training: one Lightning module for ordinary and nested networks."""

from ..system.memory import convolution_format, keep_freed_memory
from .batch_norm import recalibrate
from .callbacks.best_epoch import BestEpoch
from .callbacks.checkpoint_files import ReplacingCheckpointIO
from .callbacks.divergence import DivergedError, FiniteTraining
from .callbacks.metrics_file import MetricsFile
from .callbacks.progress import StageProgress, stage_progress
from .callbacks.search_again import SearchAgain, search_epochs
from .distributed import TerminationAsInterrupt, check_strategy, end_with_parent, lost_another, start_processes
from .evaluation import accuracies
from .int8.int8_training import Int8Training
from .module import NestedClassifier
from .objectives import Objective, parameter_shares

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
