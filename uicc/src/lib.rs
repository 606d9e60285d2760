//! The UICC: [`Card`] (whatever answers an APDU), the software card and the terminal side.
#![forbid(unsafe_code)]

pub mod card;

pub use card::{Card, CardError};
