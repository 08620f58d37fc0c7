"""Answers for one patient: the prediction with its interval, what drove it, and whether to rely on it."""
