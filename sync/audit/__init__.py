"""Is Firestore what the ledger says? Read, compared, mended, and kept on record."""
