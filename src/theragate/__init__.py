"""Theragate: release gates for personalized-medicine models."""

__version__ = "0.1.0"
