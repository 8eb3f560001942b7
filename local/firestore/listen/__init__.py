"""Following queries and documents: views kept by looking only at what changed, and the streams that show them."""
