//! The checkers, found by family and kind.
//!
//! - [`algorithm`]: the algorithm set that a vector names
//! - `milenage`, `tuak`, `xor`, `gsm`, `auts`, `sqn`, `gba_u`: crate `aka`
//! - `kdf`, `ids`, `digest`, `flow`: crate `gba`
//! - `diameter`: crates `diameter` and `gba`; `tlv`: crates `base` and `uicc`; `card`: the software card, by APDUs

mod algorithm;
mod auts;
mod card;
mod diameter;
mod digest;
mod flow;
mod gba_u;
mod gsm;
mod ids;
mod kdf;
mod milenage;
mod sqn;
mod tlv;
mod tuak;
mod xor;

use base::Clause;

use crate::fields::{Checked, Fields};

/// What checks the vectors of a kind.
pub(crate) struct Checker {
    pub(crate) clause: Clause,
    pub(crate) check: fn(&Fields<'_>) -> Checked,
}

const fn checker(spec: &'static str, number: &'static str, check: fn(&Fields<'_>) -> Checked) -> Checker {
    Checker {
        clause: Clause::new(spec, number),
        check,
    }
}

/// The clause that vectors of this family and kind are checked against; `None` if there is no checker.
#[must_use]
pub fn clause_of(family: &str, kind: &str) -> Option<Clause> {
    find(family, kind).map(|c| c.clause)
}

pub(crate) fn find(family: &str, kind: &str) -> Option<Checker> {
    Some(match (family, kind) {
        ("milenage", "published" | "computed") => checker("TS 35.206", "4.1", milenage::check),
        ("tuak", "published" | "computed") => checker("TS 35.231", "6", tuak::check),
        ("keccak", "published" | "computed") => checker("TS 35.232", "5", tuak::keccak),
        ("xor", "published" | "computed") => checker("TS 34.108", "8.1.2", xor::check),
        ("gsm_milenage", "published" | "computed") => checker("TS 55.205", "4", gsm::milenage),
        ("gsm_conversion", "c2") => checker("TS 33.102", "6.8.1.2", gsm::c2),
        ("gsm_conversion", "c3") => checker("TS 33.102", "6.8.1.2", gsm::c3),
        ("gsm_conversion", "c4c5") => checker("TS 33.102", "6.8.2.3", gsm::c4c5),
        ("xor2g", "published" | "xor-2g-51.010-1") => checker("TS 51.010-1", "A4.1.2", gsm::xor_2g),
        ("auts", "published" | "computed") => checker("TS 33.102", "6.3.5", auts::check),
        ("sqn_sequence", "sequence") => checker("TS 33.102", "Annex C.2", sqn::check),
        ("gba_u_mac", "gba_u") => checker("TS 33.220", "5.3.2", gba_u::check),
        ("kdf", kind) => return kdf::find(kind),
        ("gba_ids", "B_TID") => checker("TS 33.220", "4.5.2", ids::btid),
        ("gba_ids", "IMSI") => checker("TS 23.003", "13.3, 16.2", ids::imsi),
        ("gba_ids", "ISIM") => checker("TS 23.003", "16.2", ids::isim),
        ("gba_flow", "flow") => checker("TS 24.109", "4, 5", flow::check),
        ("digest", kind) => return digest::find(kind),
        ("diameter", kind) => return diameter::find(kind),
        ("tlv_apdu", kind) => return tlv::find(kind).or_else(|| card::find(kind)),
        _ => return None,
    })
}
