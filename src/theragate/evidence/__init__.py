"""What was measured on held-out predictions: aggregates with their uncertainty, never a patient's row."""
