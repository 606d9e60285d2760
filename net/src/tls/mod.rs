//! TLS 1.2 with pre-shared keys.
