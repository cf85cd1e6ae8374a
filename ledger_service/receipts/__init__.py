"""Whether an operator has kept its receipts: its signed promises that a label is in the log by a deadline."""
