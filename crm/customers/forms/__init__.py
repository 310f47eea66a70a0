"""How the schemas of customers, segments and imports meet HTML; one file per page family."""
