"""How the losses of the subnetworks on a batch become one gradient: each part a small choice of its own."""

from .objective import Objective
from .weights import parameter_shares

__all__ = ["Objective", "parameter_shares"]
