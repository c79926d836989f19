"""What was seen, as tables: each row says which call produced it and when."""
