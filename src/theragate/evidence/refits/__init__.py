"""What predictions of models that were fitted again say: stability, and who was learned from."""
