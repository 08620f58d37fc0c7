"""What is drawn with replacement, and what is computed in the draws."""
