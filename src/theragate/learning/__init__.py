"""Learning: estimators, tuning, held-out predictions, the released model and its files."""
