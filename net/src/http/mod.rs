//! HTTP/1.1 with whole messages: [`serve`] and [`serve_connection`] for servers, [`Client`] for clients.
//!
//! Bodies are [`Bytes`]: GBA and oneM2M messages are small, and digests with auth-int need them whole.
//! Every wait has a timer and every size a cap, see [`Limits`] and [`ClientLimits`].

mod client;
mod framing;
mod server;

pub use bytes::Bytes;
pub use client::{Client, ClientLimits};
#[doc(hidden)]
pub use framing::has_both;
pub use server::{Limits, PeerInfo, serve, serve_connection, serve_tapped};

/// Largest body read by default, on both sides: 1 MiB.
pub const MAX_BODY: usize = 1 << 20;

/// Largest request or status line with headers, on both sides: 16 KiB.
pub const MAX_HEAD: usize = 16 << 10;
