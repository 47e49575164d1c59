"""Training with the rounding of int8."""
