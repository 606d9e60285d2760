//! The UICC: [`Card`] (whatever answers an APDU), the software card and the terminal side.
#![forbid(unsafe_code)]

pub mod card;
pub mod ef;
pub mod fcp;
pub mod names;
pub mod pin;
pub mod software;
pub mod sw;

pub use card::{Card, CardError};
pub use pin::Pin;
pub use sw::Sw;
