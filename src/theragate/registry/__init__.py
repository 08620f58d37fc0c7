"""What release managers and consumers do with a registry, from a client."""
