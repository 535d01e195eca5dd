"""From sources to a Catalog: read, filter, split, shard."""
