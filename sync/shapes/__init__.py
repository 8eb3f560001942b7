"""Shapes of the documents: the one in use, and another that is built beside it and turned to."""
