"""Recovery decisions. Nothing here sleeps, sends, draws a random number or reads a clock."""
