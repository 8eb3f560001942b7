"""Where documents are kept: in memory by collection, their recent past, and on disk."""
