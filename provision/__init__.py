"""`provision`: GPU machines for streaming speech servers, created, deployed and verified."""

__version__ = "0.1.0"
