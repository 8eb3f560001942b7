"""Edits made offline: applied once, answered by a receipt."""
