"""The networks that suggest parameters: how they are trained, and written as bundles."""
