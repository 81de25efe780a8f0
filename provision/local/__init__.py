"""The embedded local cloud: Google's Compute v1 API on loopback, machines as containers, rules that are enforced.

with serve(folders()) as cloud:
    InstancesClient(client_options={"api_endpoint": cloud.endpoint}, credentials=AnonymousCredentials())
"""

from provision.local.server import LocalCloud, serve

__all__ = ["LocalCloud", "serve"]
