"""How good the networks are on music that none of them has seen."""
