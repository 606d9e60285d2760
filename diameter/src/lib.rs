//! Diameter (RFC 6733) as far as Zh and Zn (TS 29.109) need it, without sockets or clock.
//!
//! - [`message`], [`avp`]: octets to a tree of AVPs and back, exact to the octet, bounded in size and depth
//! - [`dictionary`]: one table keyed by vendor and code, which encoder, decoder, checker and printer read
//! - [`grammar`]: which AVPs a command wants; turns a bad request into the [`Fault`] to answer
//! - [`layout`]: usual messages between octets and borrowed views, without a tree between
//! - [`show`]: what may be written to a log; keys appear as `<n octets>`
//! - [`peer`]: the state machine of one connection: CER/CEA, DWR/DWA, DPR/DPA
//! - [`identity`], [`result`], [`fault`]: the small types that all of these speak
//!
//! The usual way in: [`Message::parse`], then [`grammar::check_request`], then a typed message of crate `gba`.
//!
//! ```
//! use diameter::{Avp, Message, ResultCode, dictionary as d, grammar};
//!
//! let mut mar = Message::request(grammar::MULTIMEDIA_AUTH, d::ZH, true);
//! mar.avps.push(Avp::utf8(&d::USER_NAME, "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"));
//! let read = Message::parse(&mar.encode()).map_err(|fault| fault.to_string())?;
//! let fault = grammar::check_request(&read).err().ok_or("Session-Id is missing")?;
//! assert_eq!((fault.result, fault.failed_avp), (ResultCode::MISSING_AVP, Some((263, 0))));
//! # Ok::<(), String>(())
//! ```
#![forbid(unsafe_code)]

pub mod avp;
pub mod dictionary;
pub mod fault;
pub mod grammar;
pub mod identity;
pub mod layout;
pub mod message;
mod octets;
pub mod peer;
pub mod result;
pub mod show;

pub use avp::{Avp, Value};
pub use dictionary::{AvpDef, Kind};
pub use fault::Fault;
pub use identity::{Identity, Origin};
pub use message::{Header, Message, SessionIds};
pub use octets::Octets;
pub use result::ResultCode;
