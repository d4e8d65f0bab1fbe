"""Rehearsal without the outside world: hosts in namespaces and plugins that need no download."""
