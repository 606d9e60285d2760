//! Ua, between UE and NAF (TS 24.109 5).

pub mod client;
pub mod server;
