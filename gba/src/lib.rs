//! The Generic Bootstrapping Architecture (TS 33.220) as pure code: what both ends compute, say and decide.
//!
//! * [`ids`]: IMSI, IMPI, FQDN, Ua security protocol id, NAF_Id, B-TID and the names of TS 23.003;
//! * [`kdf`] and [`keys`]: Annex B, Ks and the keys under it;
//! * [`digest`]: HTTP digest with AKAv1, AKAv2 and passwords; [`guss`]: user security settings in XML;
//! * [`http`]: requests and responses as the state machines see them;
//! * [`ub`]: bootstrapping, both ends; [`ua`]: using a NAF, both ends;
//! * [`zh`] and [`zn`]: typed Diameter messages between BSF and HSS, NAF and BSF.
//!
//! Pure: no sockets, files, clock or global randomness. Time and entropy are arguments.
#![forbid(unsafe_code)]

pub mod digest;
pub mod guss;
pub mod http;
pub mod ids;
pub mod kdf;
pub mod keys;
pub mod ua;
pub mod ub;
pub mod zh;
pub mod zn;

mod xml;
