"""Validation: what a cohort must look like, and whether a feature gives the outcome away."""
