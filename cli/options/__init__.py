"""What the values of options mean: pure functions from text to the API's JSON."""
