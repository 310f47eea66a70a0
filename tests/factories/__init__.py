"""Small builders of test data, one file per module: make_… puts one thing into the session."""
