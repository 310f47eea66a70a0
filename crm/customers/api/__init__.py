"""Routes for programs: customers, orders, tags, segments."""
