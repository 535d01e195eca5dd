"""The command line: one short file per verb, loaded when it is called."""
