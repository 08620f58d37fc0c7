"""Simulations with known truth: how often limits hold, and how often gates are wrong. ``python -m simulations``."""
