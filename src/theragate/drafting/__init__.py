"""A study drafted from a table, for a person to review."""
