"""The Pulumi engine: its CLI and plugins, and the operations that run it."""
