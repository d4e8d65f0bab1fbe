"""A release: plan, steps, figures, verdict. Knows the engine as a protocol only, and never imports Pulumi."""
