//! What a run of the laboratory ends with: the same keys, computed by both ends, side by side.

use std::time::Duration;

use base::Utc;
use gba::{
    ids::{Btid, Impi, NafId},
    keys::KsNaf,
};

use crate::trace::Event;

/// Where Ks lives: in the ME (GBA_ME, TS 33.220 4) or in the UICC (GBA_U, TS 33.220 5).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// CK and IK leave the card; the ME derives the NAF keys.
    #[default]
    Me,
    /// Ks stays in the card; the ME gets Ks_ext_NAF.
    U,
}

impl Mode {
    /// `me` or `u`, as on the command line and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Me => "me",
            Self::U => "u",
        }
    }
}

/// One NAF key as each end computed it by itself.
pub struct KeyPair {
    /// The device's key: from the card or the ME.
    pub device: KsNaf,
    /// The network's key: what the NAF got from the BSF over Zn.
    pub network: KsNaf,
}

impl KeyPair {
    /// FQDN and Ua security protocol identifier that the key is for.
    #[must_use]
    pub const fn naf_id(&self) -> &NafId {
        self.device.naf_id()
    }

    /// True if both ends have the same key for the same NAF_Id (constant time).
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.device.naf_id() == self.network.naf_id() && self.device.ct_eq(&self.network)
    }
}

/// What a run of the demo ends with.
pub struct Outcome {
    /// The subscriber.
    pub impi: Impi,
    /// Length of the MNC in it, and who said so (ruling 4).
    pub mnc: String,
    /// The bootstrapping transaction; the key id of every key below (oneM2M TS-0003 Annex A: KmID and KpsaID).
    pub btid: Btid,
    /// When Ks expires.
    pub lifetime: Utc,
    /// Where Ks lives.
    pub mode: Mode,
    /// Authentication vectors that the HSS handed out.
    pub avs_used: u64,
    /// From the first message to the last.
    pub elapsed: Duration,
    /// M2M root key: Ks_NAF for the MAF.
    pub root: KeyPair,
    /// M2M session key: Ks_NAF for the IN-CSE.
    pub session: KeyPair,
    /// The plain HTTP service's key.
    pub service: KeyPair,
    /// Each protocol message, in the order of time.
    pub messages: Vec<Event>,
    /// Events that did not fit into the trace; 0 unless something floods it.
    pub dropped: u64,
}

impl Outcome {
    /// Why the run is not a success; `None` if both ends agree on every key and root and session key differ.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        for (name, pair) in [
            ("root", &self.root),
            ("session", &self.session),
            ("service", &self.service),
        ] {
            if !pair.agrees() {
                return Some(format!(
                    "the {name} keys of device and network differ for {}",
                    pair.naf_id().fqdn()
                ));
            }
        }
        let same = self.root.device.ct_eq(&self.session.device);
        same.then(|| "the M2M root key equals the M2M session key".into())
    }
}

#[cfg(test)]
mod tests {
    use aka::Rand;
    use base::Secret;
    use gba::{
        ids::UaId,
        keys::{KeyKind, Ks},
    };

    use super::*;

    const IMPI: &str = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org";

    fn key(ck: u8, naf: &str) -> KsNaf {
        let naf_id = NafId::new(naf.parse().unwrap(), UaId::tls(0x00ae));
        let ks = Ks::from_ck_ik(&Secret::new([ck; 16]), &Secret::new([2; 16]));
        ks.naf_key(KeyKind::Me, &Rand::new([3; 16]), &IMPI.parse().unwrap(), &naf_id)
    }

    fn pair(naf: &str) -> KeyPair {
        KeyPair {
            device: key(1, naf),
            network: key(1, naf),
        }
    }

    fn outcome() -> Outcome {
        Outcome {
            impi: IMPI.parse().unwrap(),
            mnc: String::new(),
            btid: "x@bsf.example".parse().unwrap(),
            lifetime: Utc(0),
            mode: Mode::Me,
            avs_used: 1,
            elapsed: Duration::ZERO,
            root: pair("maf.example"),
            session: pair("in-cse.example"),
            service: pair("naf.example"),
            messages: Vec::new(),
            dropped: 0,
        }
    }

    #[test]
    fn success_needs_equal_keys_at_both_ends() {
        assert_eq!(outcome().refusal(), None);
        for (name, change) in [
            ("root", (|o, k| o.root.network = k) as fn(&mut Outcome, KsNaf)),
            ("session", |o, k| o.session.network = k),
            ("service", |o, k| o.service.network = k),
        ] {
            for wrong in [
                key(9, "maf.example"),
                key(9, "in-cse.example"),
                key(9, "naf.example"),
                key(1, "other.example"),
            ] {
                let mut o = outcome();
                change(&mut o, wrong);
                let why = o.refusal().unwrap();
                assert!(why.contains(name) && why.contains("differ"), "{why}");
            }
        }
    }

    //= TS0003-8.3.2.3-r2
    #[test]
    fn a_root_key_that_is_the_session_key_is_no_success() {
        let mut o = outcome();
        o.session = pair("maf.example");
        assert_eq!(
            o.refusal().as_deref(),
            Some("the M2M root key equals the M2M session key")
        );
    }
}
