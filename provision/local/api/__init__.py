"""The Compute v1 REST API over the state: one file for each kind of resource, and the app that routes to them."""
