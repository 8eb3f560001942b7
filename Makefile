# A thin face over dev.py, which needs nothing but Python: on a machine without make, `python3 dev.py demo` does the same.
PYTHON ?= python3

.PHONY: help setup demo demo-reset test soak soak-firestore prove-rules check lock
help setup demo demo-reset test soak soak-firestore prove-rules check lock:
	@$(PYTHON) dev.py $@
