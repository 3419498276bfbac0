"""What the shop is compared with: small programs of our own that give the same answers from the same data."""
