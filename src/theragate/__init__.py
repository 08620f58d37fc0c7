"""Theragate: release gates for personalized-medicine models."""
