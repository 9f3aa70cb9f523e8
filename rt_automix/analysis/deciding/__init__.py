"""Who decides the parameters, and when: the closed form, networks, the worker behind the engine."""
