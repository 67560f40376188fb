"""Reading: from a query to ranked Hits."""
