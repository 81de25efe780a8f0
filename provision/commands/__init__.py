"""The verbs of the command line, one file each: options in, one job called, one view fed."""
