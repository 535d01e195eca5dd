"""Why a photo was named so: saliency with a test of itself, the nearest training images, named concepts."""
