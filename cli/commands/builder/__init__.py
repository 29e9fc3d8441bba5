"""`ck builder`: what builds keep."""
