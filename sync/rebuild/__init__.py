"""The ledger once more from its kept pages; what a bank told, taken along and told again elsewhere."""
