"""From files to MLflow: gathered, looked into, signed, and written again wherever a server lacks them."""
