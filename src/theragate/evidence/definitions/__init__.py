"""What each metric is: its function and everything else about it, side by side."""
