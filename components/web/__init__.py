"""The platform file's services: what answers requests, in a color or beside both, and what works beside it."""
