"""What a worker is due, found and fetched without the service: from the chain alone, or with saved papers.

Nothing here needs a database, a compiler or the service. What a node says is never taken for true: terms have
to hash to the campaign's id, payroll tables to the posted root, heads to the contract's accumulator.
"""
