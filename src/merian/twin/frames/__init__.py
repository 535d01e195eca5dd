"""A running twin as bytes: frames that a viewer draws, the stage that makes them, and files to play back."""
