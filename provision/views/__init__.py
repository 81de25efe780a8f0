"""Views: they turn the events of a job into text; the last floor that formats anything."""
