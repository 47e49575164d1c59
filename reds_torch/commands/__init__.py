"""The commands: wiring, and nothing else."""
