"""Envelopes for secrets: the keys that wrap bank tokens and raw pages, and their rotation."""
