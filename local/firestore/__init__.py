"""A local Firestore: the wire protocols of the service on one port, for tests and `make demo`.

`python -m local.firestore --port 8080 --rules FILE [--data DIR]` serves admin clients (gRPC), browsers
(WebChannel) and REST. Everything runs on one event loop: a commit is one uninterrupted step, so it is atomic
without locks. With a data directory every commit is on disk before it is acknowledged; a kill -9 loses nothing
that was answered. The rooms: `storage` keeps documents, `write` applies writes, `query` answers queries, `listen`
follows them, `rules` decides, `rpc` speaks in messages, `adapters` carry those messages and hold no semantics.
"""
