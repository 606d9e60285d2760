//! The test algorithm of TS 34.108.

use super::{
    algorithm::{self, ResLength},
    milenage::functions,
};
use crate::fields::{Checked, Fields};

pub(super) fn check(f: &Fields<'_>) -> Checked {
    functions(f, &algorithm::read(f, ResLength::of(f, "f2"))?)
}
