"""What a Firestore must do, seen by its clients; also runs against the vendor's emulator."""
