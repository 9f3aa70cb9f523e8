"""What files cost: one, many, in a cluster, in a watched folder."""
