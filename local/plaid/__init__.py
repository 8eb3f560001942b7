"""The local Plaid: a stand-in that speaks Plaid's wire protocol, for development and tests.

It keeps its state in SQLite (in memory, or in a folder) and commits before it answers, so a kill -9 loses nothing
that was acknowledged. It imports no product code: anybody could use it alone. `server.start` runs it in this process,
`python -m local.plaid` as one of its own. What it does not emulate it refuses by name.
"""
