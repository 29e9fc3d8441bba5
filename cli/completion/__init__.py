"""Shell completion: the scripts, and the words that they ask for."""
