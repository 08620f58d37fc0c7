"""Diagnostic images: pixels and a little of their headers, what masks outline, and the numbers that describe it."""
