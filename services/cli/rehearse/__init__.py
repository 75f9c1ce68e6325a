"""`tasuki rehearse`: a firm's history from CSV files, played through the sandboxes as its users' acts."""
