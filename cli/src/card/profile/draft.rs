//! [`Draft`]: a profile as its file says it, before it is a card. One lies over another, the built-in below the
//! person's own.

use aka::{
    AlgorithmSet, Milenage, Sqn, Tuak, Xor,
    sqn::{SqnArray, SqnProfile},
    tuak,
};
use base::{Secret, SecretBytes};
use gba::ids::{Imsi, MncLength};
use uicc::{
    ef::Iccid,
    software::{
        GbaU, MacForm, ResForm,
        profile::{AccessRule, KeySpec, Subscription},
        toolkit::Scripted,
    },
};

use super::files::FileDraft;
use crate::sim;

/// What a file says; absent is what it doesn't say. Has no `Debug`: there are keys in it.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) imsi: Option<Imsi>,
    /// `Some(None)`: an EF_AD that doesn't say it (ruling 4).
    pub(crate) mnc_length: Option<Option<MncLength>>,
    pub(crate) iccid: Option<Iccid>,
    /// International number, digits only.
    pub(crate) msisdn: Option<String>,
    pub(crate) gsm: Option<bool>,
    pub(crate) t0: Option<bool>,
    /// Service provider's name.
    pub(crate) name: Option<String>,
    pub(crate) isim: Option<bool>,
    pub(crate) guard_auts: Option<bool>,
    pub(crate) ara_m: Option<bool>,
    pub(crate) access_rules: Vec<AccessRule>,
    pub(crate) toolkit: Vec<Scripted>,
    pub(crate) m2m: Option<M2m>,
    pub(crate) keys: Option<Keys>,
    pub(crate) sqn: Option<SqnDraft>,
    pub(crate) gba_u: Option<GbaDraft>,
    pub(crate) pins: Vec<KeySpec>,
    pub(crate) ota: Vec<KeySet>,
    pub(crate) files: Vec<FileDraft>,
}

/// A oneM2M subscription, and where its files are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct M2m {
    /// DF.1M2M in the USIM.
    pub(crate) framework: bool,
    /// ADF.1M2MSM, an application of its own.
    pub(crate) module: bool,
    pub(crate) subscription: Subscription,
}

/// Algorithm set and its keys.
pub(crate) struct Keys {
    pub(crate) name: sim::Name,
    /// 16 octets; TUAK has 16 or 32.
    pub(crate) k: SecretBytes,
    pub(crate) operator: Operator,
    pub(crate) res_length: Option<usize>,
    pub(crate) iterations: Option<u8>,
}

/// The operator's part of the key, as it was given.
pub(crate) enum Operator {
    None,
    Opc(Secret<16>),
    Op(Secret<16>),
    Topc(Secret<32>),
    Top(Secret<32>),
}

/// Sequence numbers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct SqnDraft {
    pub(crate) profile: SqnProfile,
    /// The highest accepted of each IND in use.
    pub(crate) accepted: Vec<Sqn>,
}

/// GBA_U.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct GbaDraft {
    pub(crate) enabled: bool,
    pub(crate) mac: MacForm,
    pub(crate) res: ResForm,
    pub(crate) wait_for_btid: bool,
    pub(crate) naf_records: u8,
}

/// A key set for OTA (TS 102 225): kept here, and used once the card takes secured packets.
pub(crate) struct KeySet {
    /// Key set number, 1 to 15.
    pub(crate) version: u8,
    pub(crate) kic: OtaKey,
    pub(crate) kid: OtaKey,
    /// Counter of the last packet, 40 bits.
    pub(crate) counter: u64,
    /// Toolkit application references that it is good for; none: all.
    pub(crate) tars: Vec<[u8; 3]>,
    /// Minimum security level, coded as the first octet of SPI.
    pub(crate) msl: u8,
}

/// A key with its algorithm.
pub(crate) struct OtaKey {
    pub(crate) algorithm: OtaAlgorithm,
    pub(crate) key: SecretBytes,
}

/// Which block cipher.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OtaAlgorithm {
    Aes,
    /// Two or three keys, by length.
    TripleDes,
}

impl OtaAlgorithm {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Aes => "aes",
            Self::TripleDes => "3des",
        }
    }

    /// Octets that a key may have.
    pub(crate) const fn lengths(self) -> &'static [usize] {
        match self {
            Self::Aes => &[16, 24, 32],
            Self::TripleDes => &[16, 24],
        }
    }
}

impl Default for GbaDraft {
    fn default() -> Self {
        let GbaU {
            mac,
            res,
            wait_for_btid,
            naf_records,
            ..
        } = GbaU::default();
        Self {
            enabled: true,
            mac,
            res,
            wait_for_btid,
            naf_records,
        }
    }
}

impl GbaDraft {
    pub(crate) fn made(self) -> Option<GbaU> {
        self.enabled.then_some(GbaU {
            mac: self.mac,
            res: self.res,
            wait_for_btid: self.wait_for_btid,
            naf_records: self.naf_records,
            run: None,
        })
    }
}

impl SqnDraft {
    /// The card's array.
    pub(crate) fn array(&self) -> Result<SqnArray, String> {
        let mut seq_ms = vec![0; 1 << self.profile.ind_bits];
        for sqn in &self.accepted {
            let place = usize::try_from(self.profile.ind(*sqn)).ok();
            if let Some(seq) = place.and_then(|i| seq_ms.get_mut(i)) {
                *seq = self.profile.seq(*sqn).max(*seq);
            }
        }
        SqnArray::with_seq_ms(self.profile, &seq_ms).map_err(|e| e.to_string())
    }

    /// What an array stands at.
    pub(crate) fn of(array: &SqnArray) -> Self {
        let profile = array.profile();
        let accepted = (0..).zip(array.seq_ms()).filter(|(_, seq)| **seq > 0);
        Self {
            profile,
            accepted: accepted
                .filter_map(|(ind, seq)| Sqn::from_parts(*seq, ind, profile.ind_bits))
                .collect(),
        }
    }
}

impl Keys {
    /// The algorithm set with these keys.
    pub(crate) fn set(&self) -> Result<AlgorithmSet, String> {
        let sixteen =
            || Secret::<16>::from_slice(self.k.expose()).ok_or("k: 16 octets (32 hex digits) expected");
        let words = |e: tuak::TuakLength| e.to_string();
        match (&self.operator, self.name) {
            (Operator::Opc(opc), sim::Name::Milenage) => self.shaped(Milenage::new(&sixteen()?, opc)),
            (Operator::Op(op), sim::Name::Milenage) => self.shaped(Milenage::with_op(&sixteen()?, op)),
            (Operator::None, sim::Name::Xor) => {
                let xor = Xor::new(&sixteen()?);
                match self.res_length {
                    Some(n) => Ok(xor.with_res_length(n).map_err(|e| e.to_string())?.into()),
                    None => Ok(xor.into()),
                }
            }
            (Operator::Topc(_) | Operator::Top(_), sim::Name::Tuak) => {
                let iterations = self.iterations.unwrap_or(1);
                let lengths =
                    tuak::Lengths::new(8, self.res_length.unwrap_or(8), 16, 16, iterations).map_err(words)?;
                let topc = match &self.operator {
                    Operator::Top(top) => Tuak::topc(&self.k, top, iterations).map_err(words)?,
                    Operator::Topc(topc) => topc.duplicate(),
                    _ => return Err(WHICH.into()),
                };
                Ok(Tuak::new(&self.k, &topc, lengths).map_err(words)?.into())
            }
            _ => Err(WHICH.into()),
        }
    }

    fn shaped(&self, milenage: Milenage) -> Result<AlgorithmSet, String> {
        match self.res_length {
            Some(n) => Ok(milenage.with_res_length(n).map_err(|e| e.to_string())?.into()),
            None => Ok(milenage.into()),
        }
    }
}

const WHICH: &str = "opc or op expected for milenage, topc or top for tuak, neither for xor";

impl Draft {
    /// What this one doesn't say is taken from the one below.
    pub(crate) fn over(mut self, below: Self) -> Self {
        self.imsi = self.imsi.or(below.imsi);
        self.mnc_length = self.mnc_length.or(below.mnc_length);
        self.iccid = self.iccid.or(below.iccid);
        self.msisdn = self.msisdn.or(below.msisdn);
        self.gsm = self.gsm.or(below.gsm);
        self.t0 = self.t0.or(below.t0);
        self.name = self.name.or(below.name);
        self.isim = self.isim.or(below.isim);
        self.guard_auts = self.guard_auts.or(below.guard_auts);
        self.ara_m = self.ara_m.or(below.ara_m);
        if self.access_rules.is_empty() {
            self.access_rules = below.access_rules;
        }
        if self.toolkit.is_empty() {
            self.toolkit = below.toolkit;
        }
        self.m2m = self.m2m.or(below.m2m);
        self.keys = self.keys.or(below.keys);
        self.sqn = self.sqn.or(below.sqn);
        self.gba_u = self.gba_u.or(below.gba_u);
        let same = |a: &KeySpec, b: &KeySpec| (a.reference, &a.application) == (b.reference, &b.application);
        self.pins = joined(self.pins, below.pins, same);
        self.ota = joined(self.ota, below.ota, |a, b| a.version == b.version);
        // A file's part that isn't said stays as it is below.
        let mut files = below.files;
        for own in self.files {
            match files.iter_mut().find(|f| f.path == own.path) {
                Some(file) => *file = own.over(file.clone()),
                None => files.push(own),
            }
        }
        self.files = files;
        self
    }
}

/// Those of the first, then those of the second that have no like in it.
fn joined<T>(own: Vec<T>, below: Vec<T>, same: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut all: Vec<T> = below
        .into_iter()
        .filter(|b| !own.iter().any(|o| same(o, b)))
        .collect();
    all.extend(own);
    all
}
