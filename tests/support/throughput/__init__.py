"""Proxies beside each other before the same targets, each under the same load."""
