//! Ub, between UE and BSF (TS 24.109 4): HTTP digest AKA, and what a success tells the UE.
//!
//! * [`client`]: the UE, a state machine;
//! * [`server`]: the BSF, one request and one decision;
//! * [`BootstrappingInfo`]: the body of the 200.

pub mod client;
pub mod server;

mod info;

pub use info::BootstrappingInfo;

/// Media type of [`BootstrappingInfo`] (TS 24.109 Annex C).
pub const MEDIA_TYPE: &str = "application/vnd.3gpp.bsf+xml";
