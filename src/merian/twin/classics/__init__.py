"""Models that the field knows by heart, on the twin's kernels: to teach with, and to compare speed and behaviour with other frameworks."""
