"""Drafts of a new study, from its data: what a person then reviews. Nothing here is imported by a DVC stage."""
