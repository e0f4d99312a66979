"""What is sent to people: rows of the outbox, written in the transaction that they report."""
