"""The methods of google.firestore.v1.Firestore as functions on raw messages, for every protocol alike."""
