"""Offline plugins: the docker, command and cloudflare providers where the official ones cannot be downloaded.

They know exactly the resource types and fields that our components use, refuse every other, and are held
to the official plugins by `tests/contract/`. They are the price of testing with the real engine on a real
swarm anywhere, not a product.
"""
