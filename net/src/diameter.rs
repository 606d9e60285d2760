//! The Diameter node on tokio: connections, watchdog, pipelining.
