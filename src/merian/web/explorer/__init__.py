"""The explorer's side of the server: the map as bytes, its colourings, selections, trait axes, variation inside species."""
