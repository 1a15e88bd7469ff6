"""What people do with rules before they go live: check them and test them."""
