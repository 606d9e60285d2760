//! What every GBA crate shares: [`Secret`] and [`SecretBytes`], [`Reader`], BER-[`tlv`], [`apdu`],
//! time ([`Now`]), [`Entropy`], [`Clause`] and [`hex`].
//!
//! Pure: no sockets, files, clock or global randomness. Time and entropy are arguments.
#![forbid(unsafe_code)]

pub mod apdu;
pub mod clause;
pub mod entropy;
pub mod hex;
pub mod reader;
pub mod secret;
pub mod text;
pub mod time;
pub mod tlv;

pub use clause::Clause;
pub use entropy::{Entropy, NoEntropy, SeededEntropy};
pub use reader::{DecodeError, Reader};
pub use secret::{Secret, SecretBytes};
pub use time::{Mono, Now, Utc};
