"""From the ledger to Firestore: marks are claimed, documents built, committed under guards, acknowledged."""
