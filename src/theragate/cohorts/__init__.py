"""Cohorts: where they come from, how they are de-identified, what is predicted, who is in which group."""
