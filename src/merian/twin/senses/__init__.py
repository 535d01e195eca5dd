"""How animals see: the optics of species as facts with their evidence, what their receptors catch of a picture, and what they can tell apart at a distance."""
