"""The stateful services that both colors share."""
