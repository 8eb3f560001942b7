"""One blueprint per noun of the API; each view is one call into `sync`."""
