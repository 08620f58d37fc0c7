"""The mark in a picture of patients, by which a search knows what must not leave the site."""

__all__ = ["MARK"]

MARK = ("Theragate", "pictures of patients")  # a key and its text in a PNG file
