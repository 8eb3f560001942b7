"""The rooms of the local Firestore, each on its own."""
