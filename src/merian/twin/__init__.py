"""The ecosystem twin: three tiers that agree, in NumPy and Numba, made of traits and driven by observations."""
