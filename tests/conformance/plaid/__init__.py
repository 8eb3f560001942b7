"""The local Plaid against Plaid's own client and documented behaviour."""
