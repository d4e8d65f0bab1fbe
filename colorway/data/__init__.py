"""The data stores of a stack that runs: how their members are, and who leads them."""
