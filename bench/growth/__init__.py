"""What a shop of 100 000 products and 1 000 000 orders costs beside one of 100 products."""
