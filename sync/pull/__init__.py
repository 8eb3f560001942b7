"""From Plaid into the ledger: pages fetched, kept, folded, compared and stored, and when to look again."""
