"""What befalls an ecosystem beside eating and being eaten: disease, fire, and people who hunt. Each is joined to an engine of tier C or I."""
