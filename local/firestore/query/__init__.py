"""Answering structured queries: a plan, made and checked once, and a run over the documents in its scope."""
