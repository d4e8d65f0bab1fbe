"""The colored tiers: what answers requests, and what works beside them."""
