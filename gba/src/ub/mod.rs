//! Ub, between UE and BSF (TS 24.109 4).

pub mod client;
pub mod server;
