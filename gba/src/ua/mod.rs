//! Ua, between UE and NAF: HTTP digest with NAF keys (TS 24.109 5).
//!
//! * [`client`]: the UE: which challenge to answer (ruling 16), how, and whether the NAF proved itself;
//! * [`server`]: the NAF: one request, one decision;
//! * [`url`]: the addresses a UE may go to.

pub mod client;
pub mod server;
pub mod url;

pub use url::Url;
