"""Tier I: animals one by one or in herds, in a window of the landscape, who move, graze, hunt, breed and die by the rates of the food web."""
