//! Tests of net over real loopback sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod http;
mod psk;
