"""Modules that have a part on the controller: what they decide here, and what they send."""
