"""The local Plaid's pure parts."""
