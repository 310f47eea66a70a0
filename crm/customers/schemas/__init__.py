"""The inputs and outputs of customers, segments and imports, for pages and programs alike."""
