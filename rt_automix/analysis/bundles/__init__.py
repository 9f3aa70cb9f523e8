"""Networks in folders, checked before they are used, and what they are told."""
