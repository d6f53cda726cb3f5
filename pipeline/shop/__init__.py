"""The demonstration shop: a seeded simulator that fills a database, and the truth about its users' tastes."""
