//! [`Rules`]: the decision, without a card.

use base::hex;

use crate::transport::error::Denial;

/// Hash of a certificate that signed an application of the device: SHA-1 or SHA-256 of its DER.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hash(Vec<u8>);

impl Hash {
    /// 20 octets of SHA-1 or 32 of SHA-256.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        matches!(octets.len(), 20 | 32).then(|| Self(octets.to_vec()))
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// An application of the device, known by who signed it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Application {
    /// The same certificate may be given as SHA-1 and as SHA-256; then those of the chain above it.
    pub certificates: Vec<Hash>,
}

/// Whom of the device a rule is for (DeviceAppID-REF-DO, C1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Device {
    /// Every application: C1 without a value.
    All,
    /// Those signed with this certificate.
    Signed(Hash),
    /// One that can't be told here: a rule that names a package (CA), or no application at all. Nobody is let in by it,
    /// and it shuts out those whom only a rule for everybody would let in.
    Other,
}

/// Which application of the card a rule is for (AID-REF-DO).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// All that have no rule of their own: 4F without a value.
    All,
    /// This AID: 4F.
    Aid(Vec<u8>),
    /// What is selected by default on a channel: C0.
    Default,
}

impl Target {
    /// What somebody asks for: an AID, or the default application.
    #[must_use]
    pub fn asked(aid: Option<&[u8]>) -> Self {
        aid.map_or(Self::Default, |aid| Self::Aid(aid.to_vec()))
    }

    fn name(&self) -> String {
        match self {
            Self::All => "all applications".into(),
            Self::Aid(aid) => hex::encode(aid),
            Self::Default => "the default application".into(),
        }
    }
}

/// Lets those commands pass whose header, under the mask, is this one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Filter {
    /// CLA INS P1 P2.
    pub header: [u8; 4],
    /// Bits that are looked at.
    pub mask: [u8; 4],
}

impl Filter {
    fn passes(&self, header: [u8; 4]) -> bool {
        let masked = header.iter().zip(self.mask).map(|(h, m)| h & m);
        masked.eq(self.header.iter().copied())
    }
}

/// What a rule allows (APDU-AR-DO, D0).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Access {
    /// D0 with 00, or no D0 at all.
    Never,
    /// D0 with 01.
    Always,
    /// D0 with filters: the commands that one of them lets pass.
    Filtered(Vec<Filter>),
}

impl Access {
    /// Two rules for the same pair (GPD_SPE_013 3.2.1): NEVER stands above all, filters above ALWAYS, and filters add up.
    fn merged(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Always, other) => other.clone(),
            (filtered, Self::Always) => filtered,
            (Self::Filtered(mut filters), Self::Filtered(more)) => {
                filters.extend_from_slice(more);
                Self::Filtered(filters)
            }
        }
    }

    /// Whether a command's header, with channel 0 in its class octet, may pass.
    ///
    /// # Errors
    /// [`Denial::Filtered`].
    pub fn check(&self, header: [u8; 4]) -> Result<(), Denial> {
        let passes = match self {
            Self::Never => false,
            Self::Always => true,
            Self::Filtered(filters) => filters.iter().any(|f| f.passes(header)),
        };
        let refused = || Denial::Filtered(hex::encode(header));
        passes.then_some(()).ok_or_else(refused)
    }
}

/// One rule (REF-AR-DO, E2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// For whom of the device.
    pub device: Device,
    /// For what of the card.
    pub target: Target,
    /// What is allowed.
    pub access: Access,
}

/// All rules of a card.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rules(pub Vec<Rule>);

impl Rules {
    /// What an application of the device may do with one of the card (GPD_SPE_013 3.2.1 and 4.2.3).
    ///
    /// Looked for in this order, the first that there is decides: a rule for both; then, if others of the device have
    /// one for this target, none; for everybody and this target; for this application of the device and all targets;
    /// then, if others have one for all targets, none; for everybody and all targets.
    ///
    /// # Errors
    /// [`Denial`] says why not.
    pub fn find(&self, application: &Application, target: &Target) -> Result<Access, Denial> {
        let name = || target.name();
        for target in [target, &Target::All] {
            let own = application
                .certificates
                .iter()
                .find_map(|hash| self.of(target, |device| matches!(device, Device::Signed(h) if h == hash)));
            let access = match own {
                Some(access) => Some(access),
                None if self.of(target, |device| *device != Device::All).is_some() => {
                    return Err(Denial::OthersOnly(name()));
                }
                None => self.of(target, |device| *device == Device::All),
            };
            match access {
                Some(Access::Never) => return Err(Denial::Never(name())),
                Some(access) => return Ok(access),
                None => {}
            }
        }
        Err(Denial::NoRule(name()))
    }

    fn of(&self, target: &Target, device: impl Fn(&Device) -> bool) -> Option<Access> {
        let rules = self.0.iter().filter(|r| r.target == *target && device(&r.device));
        rules.fold(None, |found, rule| {
            Some(match found {
                None => rule.access.clone(),
                Some(access) => Access::merged(access, &rule.access),
            })
        })
    }
}
