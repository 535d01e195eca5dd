"""Tier C: the food web in every cell of a landscape, by the week, with rain, soil water, seasons, movement, fences and fire."""
