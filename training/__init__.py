"""How the networks are taught: music, damage, teacher, networks, training, export, evaluation."""
