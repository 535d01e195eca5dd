"""Benchmarks as the papers run them: tasks, the readers of their data sets, and the protocols."""
