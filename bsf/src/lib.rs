//! The GBA Bootstrapping Server Function (TS 33.220 4.2.1), not the Binding Support Function of 5G: an async shell
//! around the pure decisions of `gba`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ub`] | towards UEs: loads, decides, commits, answers; HTTP handler and listener |
//! | [`sources`] | towards the HSS: where vectors come from, over Zh or by other ways |
//! | [`sessions`] | challenges that wait and UEs that have bootstrapped: the store's trait, in memory, conformance |
//! | [`zn`] | towards NAFs: their keys, by their rights |
//! | [`rights`] | what each NAF may have |
//! | [`fixed`] | sessions that nobody bootstrapped, for those who build NAFs |
//! | [`inject`] | answers that are wrong on purpose |

pub mod fixed;
pub mod inject;
pub mod rights;
pub mod sessions;
pub mod sources;
pub mod ub;
pub mod zn;

pub use sessions::{MemorySessions, Sessions};
pub use sources::{VectorSource, ZhSource};
pub use ub::{Ub, serve_ub};
