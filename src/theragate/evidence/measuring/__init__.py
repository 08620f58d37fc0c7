"""From outcomes and predictions to evidence."""
