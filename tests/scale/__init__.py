"""Two of each program behind nginx, over PostgreSQL and Redis."""
