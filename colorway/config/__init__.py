"""From files to a `PlatformSpec`, and from mistakes to sentences."""
