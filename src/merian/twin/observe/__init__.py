"""How a twin is seen: cameras that count, labels that may be wrong, records that depend on effort."""
