"""The HTTP door: Flask routes over `sync`, nothing else.

A request is checked (token, size, shape), handed to one function of `sync`, and answered as JSON. No SQL and no
rule lives here; a crash between two requests loses nothing, for everything worth keeping was committed by `sync`.
Never imported by `workers` or `sync`.
"""
