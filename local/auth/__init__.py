"""Local auth: the part of Identity Toolkit and Secure Token that the Firebase SDKs need, without the internet.

`python -m local.auth` serves it; `local.auth.server.start` is the library call. ID tokens are unsigned, as the vendor's
emulator issues them: nothing that this server signs in is safe outside this machine.
"""
