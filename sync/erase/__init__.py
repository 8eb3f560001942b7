"""A user's end: everything gone from both stores, and a signed record of it."""
