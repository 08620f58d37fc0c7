"""The way in for notebooks: a project and its studies as Python objects, with tables of pandas and HTML to look at."""
