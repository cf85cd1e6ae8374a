"""The offline verifier. It imports nothing heavier than an elliptic curve, and starts at once.

`verify_bundle` (module `verifier`) proves one bundle; `command` is what `crowdledger verify` runs.
"""
