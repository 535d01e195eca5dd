"""The drawn tree of life: a world of made-up organisms whose every truth is known, written out as an ordinary source of photos.

`phylogeny`, `clades`, `naming`, `vernacular`, `evolution` and `ecology` make the world (`world.draw_tree`); `shots` and `faults` decide
every image of it (`shots.plan_images`); `plans` and `scene` draw one; `source.write_source` writes the folder.
"""
