"""Cohorts: animals of one kind, place and age together, on a grid, by the week: tier C with age and stage."""
