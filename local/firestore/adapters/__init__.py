"""The wires: gRPC, WebChannel and REST on one port. They translate and hold no semantics."""
