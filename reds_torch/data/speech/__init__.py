"""Recordings of words, cached, varied, as features."""
