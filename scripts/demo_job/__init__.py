"""`crowdledger demo`: starts the real service and acts as all its users, over HTTP and JSON-RPC only.

`job.run(options)` is the whole; `job.Demo` is one run whose service can be killed and started again. Every
actor has secrets of its own (`keys`), which no other actor and no service ever sees.
"""
