"""Boards on a serial line."""
