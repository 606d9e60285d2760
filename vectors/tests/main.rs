//! The embedded vectors pass, none is lost, and every checker can fail.
#![allow(
    clippy::unwrap_used,
    reason = "a test may panic, and its helpers are part of it"
)]

mod embedded;
mod outside;
mod schema;
mod tampered;
