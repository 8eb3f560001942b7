"""Edits that were made offline and left in Firestore by their owners."""
