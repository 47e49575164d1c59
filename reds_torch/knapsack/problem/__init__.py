"""The search problem as plain data, and where it comes from."""
