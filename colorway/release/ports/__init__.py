"""What a release needs from outside: the protocols, and the real things behind them."""
