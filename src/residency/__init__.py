"""In which countries user information sits, who handles it from where, and which foreign laws can reach it."""
