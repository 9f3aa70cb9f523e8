"""Two commits of the project against each other, interleaved: what a change of its engine is worth."""
