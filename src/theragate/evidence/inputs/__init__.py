"""What is measured: outcomes, held-out predictions and groups, checked at the door."""
