"""Routes for people: customers, segments, imports."""
