"""The read API: the serving database over HTTP."""
