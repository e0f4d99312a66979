"""What is sent to people: rows of the outbox, written in the transaction they report, sent after."""
