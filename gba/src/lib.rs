//! The Generic Bootstrapping Architecture (TS 33.220) as pure code: what both ends compute, say and decide.
//!
//! * [`ids`]: IMSI, IMPI, FQDN, Ua security protocol id, NAF_Id, B-TID and the names of TS 23.003;
//! * [`kdf`] and [`keys`]: Annex B, Ks and the keys under it;
//! * [`digest`]: HTTP digest with AKAv1, AKAv2 and passwords; [`guss`]: user security settings in XML;
//! * [`http`]: requests and responses as the state machines see them;
//! * [`ub`]: bootstrapping, both ends; [`ua`]: using a NAF, both ends;
//! * [`zh`] and [`zn`]: typed Diameter messages between BSF and HSS, NAF and BSF;
//! * [`audit`]: which keys an element gave out, for those who must account for it.
//!
//! Pure: no sockets, files, clock or global randomness. Time and entropy are arguments.
//!
//! ```
//! use gba::{ids::{Impi, NafId, UaId}, keys::{KeyKind, Ks}};
//! use base::{Secret, hex};
//!
//! // CK and IK of TS 35.208 test set 1
//! let ck = Secret::new(hex::array("b40ba9a3c58b2a05bbf0d987b21bf8cb")?);
//! let ik = Secret::new(hex::array("f769bcd751044604127672711c6d3441")?);
//! let rand = hex::array::<16>("23553cbe9637a89d218ae64dae47bf35")?.into();
//! let impi: Impi = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org".parse()?;
//! let naf = NafId::new("naf.example.org".parse()?, UaId::HTTP_DIGEST);
//!
//! let key = Ks::from_ck_ik(&ck, &ik).naf_key(KeyKind::Me, &rand, &impi, &naf);
//! assert_eq!(key.password()?.expose(), b"eiBc54axTa1vKNH4s510q6KhcqPBNAQ7sDaRLiA2thA=");
//! assert!(key.key_for(&UaId::tls(0x00ae)).is_err(), "a key serves one protocol only");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod audit;
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
