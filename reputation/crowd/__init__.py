"""Workers: how good each one is, at what, how surely, since when, and who resembles whom."""
