"""What a service on one machine needs beside itself: its keys, an embedded PostgreSQL, a local chain."""
