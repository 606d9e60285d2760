//! Authentication and key agreement of 3GPP (TS 33.102), both ends, as values in and values out.
//!
//! - [`types`]: [`Rand`], [`Autn`], [`Auts`], [`Amf`], [`Sqn`], [`Res`], [`MacA`], [`MacS`]
//! - [`algorithm`]: the trait [`Algorithm`], [`F2345`], [`Vector`] and [`AlgorithmSet`]
//! - [`milenage`] (TS 35.206), [`tuak`] (TS 35.231), [`xor`] (TS 34.108, test only): the algorithm sets
//! - [`sqn`]: sequence numbers of annex C, the card's array and the home side's next number, by counter or clock
//! - [`card`]: [`authenticate`], what a USIM does with (RAND, AUTN); [`auts`]: resynchronisation
//! - [`gba_u`]: MAC* (TS 33.220 5.3.2); [`gsm`]: conversions to the second generation
//!
//! Pure: no sockets, files, clock or randomness. Secrets have no `Debug`, are wiped when dropped and
//! compared in constant time.
//!
//! ```
//! use aka::{Algorithm, Amf, Milenage, Rand, Sqn};
//! use base::{Secret, hex};
//!
//! // TS 35.208 test set 1
//! let k = Secret::new(hex::array("465b5ce8b199b49faa5f0a2ee238a6bc")?);
//! let opc = Secret::new(hex::array("cd63cb71954a9f4e48a5994e37a02baf")?);
//! let rand: Rand = "23553cbe9637a89d218ae64dae47bf35".parse()?;
//! let sqn: Sqn = "ff9bb4d0b607".parse()?;
//! let vector = Milenage::new(&k, &opc).vector(&rand, sqn, "b9b9".parse::<Amf>()?);
//! assert_eq!(vector.autn.to_string(), "55f328b43577b9b94a9ffac354dfafb3");
//! # Ok::<(), base::hex::HexError>(())
//! ```
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod algorithm;
pub mod auts;
pub mod card;
pub mod gba_u;
pub mod gsm;
pub mod milenage;
pub mod sqn;
pub mod tuak;
pub mod types;
pub mod xor;

pub use algorithm::{Algorithm, AlgorithmSet, F2345, Vector};
pub use card::{Check, authenticate};
pub use milenage::Milenage;
pub use tuak::Tuak;
pub use types::{Amf, Autn, Auts, MacA, MacS, Rand, Res, ResLength, Sqn};
pub use xor::Xor;
