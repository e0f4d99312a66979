"""Emails and text messages: outbox rows, written in the transaction that they report."""
