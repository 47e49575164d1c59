"""A run: its settings, its stages, its folder, and many of them."""
