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
