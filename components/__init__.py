"""Pulumi component resources, one tier or noun a file; the only code that creates resources."""
