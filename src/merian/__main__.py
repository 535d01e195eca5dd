"""`python -m merian` is `merian`."""

from merian.cli.main import main

main()
