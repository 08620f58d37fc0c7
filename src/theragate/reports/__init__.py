"""What people read: figures, the numbers behind them, and the model card."""
