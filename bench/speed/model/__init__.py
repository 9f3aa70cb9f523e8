"""What deciding costs."""
