"""Linked banks: Link from start to end, items with their accounts and tokens, the inbox of webhooks, purging."""
