"""Scientific names: read from text, looked up in a backbone, resolved with a reason. Polars and the standard library only."""
