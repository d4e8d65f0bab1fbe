"""Carries a plan out: looks, performs one step, looks again."""
