//! The gateway over real sockets, with scripted services behind it.
