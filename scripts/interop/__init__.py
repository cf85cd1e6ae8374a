"""Third-party clients of transparency logs, unmodified, on our log: what each accepts and refuses.

    python -m scripts.interop

A log with a real database is served over HTTP by the service's own routes, and cosigned by a third party's
witness. Each client is given what it can check of it, as it is and tampered with, and has to accept the one
and refuse the other.
"""
