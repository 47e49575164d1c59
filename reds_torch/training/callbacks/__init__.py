"""What happens beside the training steps of a stage."""
