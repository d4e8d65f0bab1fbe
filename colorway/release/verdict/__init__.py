"""Whether a stage is good, pure: from counts of requests to what to do now."""
