"""Checks of the contracts that need more than `forge test`: mutants, another EVM, provers, coverage."""
