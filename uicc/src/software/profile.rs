//! [`Profile`]: what a software card is made of. Personalisation, which on a real card happens in the factory.

mod spec;

pub use super::ara::{AccessRule, ApduAccess};
pub use spec::{Content, FilePath, FileSpec, KeySpec, LifeCycle, Unblock};

use aka::{AlgorithmSet, Rand, sqn::SqnArray};
use gba::{
    ids::{Impi, Imsi, MncLength},
    keys::Ks,
};

use super::toolkit::Scripted;
use crate::{ef::Iccid, pin::Pin};

/// A card's identity, keys and services.
pub struct Profile {
    /// IMSI of the USIM.
    pub imsi: Imsi,
    /// What EF_AD says about the MNC. `None`: an EF_AD of three octets, as on old cards (ruling 4).
    pub mnc_length: Option<MncLength>,
    /// Serial number.
    pub iccid: Iccid,
    /// Algorithm with K and OPc (or what else it has).
    pub algorithm: AlgorithmSet,
    /// Where the card's sequence numbers stand (TS 33.102 annex C.2).
    pub sqn: SqnArray,
    /// GBA_U: service 68, the GBA context of AUTHENTICATE, EF_GBABP and EF_GBANL. `None`: a card for GBA_ME.
    pub gba_u: Option<GbaU>,
    /// Services 27 and 38: Kc in the 3G context, and the GSM context.
    pub gsm: bool,
    /// Service provider's name (EF_SPN), of which 16 octets are shown.
    pub name: String,
    /// An ISIM beside the USIM.
    pub isim: Option<Isim>,
    /// oneM2M subscription in DF.1M2M of the USIM, whose GBA makes its keys.
    pub m2m_framework: Option<Subscription>,
    /// oneM2M subscription in an application of its own, ADF.1M2MSM.
    pub m2m_module: Option<Subscription>,
    /// ARA-M with these access rules; `None`: no ARA-M.
    pub access_rules: Option<Vec<AccessRule>>,
    /// What the card asks of the terminal by itself, and when.
    pub toolkit: Vec<Scripted>,
    /// Limits the AUTS that a rogue reader can collect: a RAND that was answered with one gets the same again, and after
    /// 16 synchronisation failures in a row a run that is accepted has to come first (6985). Off, as on real cards: two
    /// AUTS for one RAND show how the sequence number moved between them.
    pub guard_auts: bool,
    /// PIN 1, if it is switched on.
    pub pin: Option<Pin>,
    /// ADM 1. `None`: nobody can do what needs it.
    pub adm: Option<Pin>,
    /// Further keys, and those that replace PIN 1 and ADM 1 of the two fields above, by reference.
    pub keys: Vec<KeySpec>,
    /// Files besides the ones that the fields above make, or in place of one at the same path.
    pub files: Vec<FileSpec>,
    /// Answers as T=0 makes a card do (TS 102 221 7.3.1.1): 61xx to commands with data in both directions, 6Cxx to a
    /// Le that isn't the length. Off, a Le of 00 gets the data at once.
    pub t0: bool,
}

impl Profile {
    /// A card for GBA_ME in its first use: no PIN, SQN array all zero, a serial number made of the IMSI.
    #[must_use]
    pub fn new(imsi: Imsi, mnc_length: MncLength, algorithm: impl Into<AlgorithmSet>) -> Self {
        let iccid = Iccid::for_imsi(&imsi);
        Self {
            imsi,
            mnc_length: Some(mnc_length),
            iccid,
            algorithm: algorithm.into(),
            sqn: SqnArray::new(aka::sqn::SqnProfile::default()),
            gba_u: None,
            gsm: false,
            name: "gba".to_owned(),
            isim: None,
            m2m_framework: None,
            m2m_module: None,
            access_rules: None,
            guard_auts: false,
            toolkit: Vec::new(),
            pin: None,
            adm: None,
            keys: Vec::new(),
            files: Vec::new(),
            t0: false,
        }
    }

    /// The same card with an ISIM that has the USIM's keys, and GBA_U if that has it.
    #[must_use]
    pub fn with_isim(mut self) -> Self {
        self.isim = Some(Isim {
            gba_u: self.gba_u.as_ref().map(GbaU::fresh),
            ..Isim::default()
        });
        self
    }

    /// The same card with GBA_U in its standard forms.
    #[must_use]
    pub fn with_gba_u(mut self) -> Self {
        self.gba_u = Some(GbaU::default());
        self
    }
}

/// What an ISIM has (TS 31.103).
#[derive(Default)]
pub struct Isim {
    /// Private identity; `None`: the one that TS 23.003 13.3 makes of the IMSI.
    pub impi: Option<Impi>,
    /// Keys of its own. `None`: those of the USIM, and then its sequence numbers too, so that no number is accepted
    /// twice.
    pub keys: Option<(AlgorithmSet, SqnArray)>,
    /// GBA_U with a Ks of its own (ruling 15).
    pub gba_u: Option<GbaU>,
}

/// A oneM2M subscription (TS-0003 annex D.1.3). What is there says which services are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Subscription {
    /// M2M-Sub-ID.
    pub subscription_id: String,
    /// M2M-SP-ID.
    pub provider: String,
    /// M2M-Node-ID.
    pub node: Option<String>,
    /// CSE-ID of the node.
    pub cse: Option<String>,
    /// AE-IDs.
    pub entities: Vec<String>,
    /// FQDNs of enrolment functions, best first.
    pub enrolment: Vec<String>,
    /// CSE-IDs of the infrastructure.
    pub in_cses: Vec<String>,
    /// FQDN of the authentication function.
    pub maf: Option<String>,
}

/// Which form of AUTN the GBA context takes (TS 33.220 5.3.2, ruling 12).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MacForm {
    /// AUTN*, whose MAC is changed by SHA-1(IK): no vector of another domain passes for one of GBA_U.
    #[default]
    Star,
    /// The AUTN of any 3G domain. Laboratory only.
    Plain,
}

/// Which form of RES the GBA context gives (TS 31.102 7.1.1, ruling 12).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ResForm {
    /// RES with the lowest bit of its last octet inverted.
    #[default]
    Flipped,
    /// RES as f2 gives it. Laboratory only.
    Plain,
}

/// How a card does GBA_U.
pub struct GbaU {
    /// Form of AUTN.
    pub mac: MacForm,
    /// Form of RES.
    pub res: ResForm,
    /// Refuses NAF keys (6985) until B-TID and lifetime of the run have been written (ruling 14). Off: laboratory.
    pub wait_for_btid: bool,
    /// Records of EF_GBANL, hence how many Ks_int_NAF are kept: 1 to 254.
    pub naf_records: u8,
    /// A run that the card has from before, without B-TID; vectors and tests that begin behind bootstrapping.
    pub run: Option<GbaRun>,
}

impl Default for GbaU {
    /// AUTN*, flipped RES, waits for the B-TID, eight NAFs, no run.
    fn default() -> Self {
        Self {
            mac: MacForm::Star,
            res: ResForm::Flipped,
            wait_for_btid: true,
            naf_records: 8,
            run: None,
        }
    }
}

impl GbaU {
    /// The same manners, no run.
    #[must_use]
    pub const fn fresh(&self) -> Self {
        Self { run: None, ..*self }
    }
}

/// Ks in the card, and the RAND that it belongs to.
pub struct GbaRun {
    /// Ks = CK ‖ IK. There is no command that reads it.
    pub ks: Ks,
    /// RAND of the run, in EF_GBABP as well.
    pub rand: Rand,
}
