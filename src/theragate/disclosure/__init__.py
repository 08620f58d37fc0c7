"""What leaves the site: every file bound for MLflow is read, and refused where it holds patients' rows or values."""
