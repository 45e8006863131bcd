"""A lab: one temporary directory that holds a whole world for certd.

A CA (Pebble), a name server (pebble-challtestsrv), a web server (NGINX) and certd's own configuration, state and
hooks, on a loopback address of its own and on ports picked at run time. Nothing outside the directory is touched,
nothing leaves the machine, and everything dies with the test.
"""
from .ca import Pebble
from .caddy import Caddy
from .dns import Challtestsrv, Knot
from .lab import BARE, NAMES, WWW, Lab, Result
from .processes import Reaper, Service, free_port, private_address, wait_for
from .web import Nginx

__all__ = ["BARE", "NAMES", "WWW", "Caddy", "Challtestsrv", "Knot", "Lab", "Nginx", "Pebble", "Reaper", "Result", "Service",
           "free_port", "private_address", "wait_for"]
