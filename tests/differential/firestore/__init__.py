"""The same random programs played on the local Firestore and on the vendor's emulator; the answers must be equal.

`python -m tests.differential.firestore --help` plays many seeds and records the vendor's answers.
"""
