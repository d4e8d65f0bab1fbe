"""What comes next, pure: from what git, the engine and the swarm say."""
