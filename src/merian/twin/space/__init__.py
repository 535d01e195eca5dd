"""What-if on a map: where changes act, what they do to the cells of tier C and the animals of tier I, and pairs of runs that share their chance."""
