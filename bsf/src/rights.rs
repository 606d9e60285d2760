//! What each NAF may have (ruling 22): its names, its Ua protocols, services, and whether it learns who the user is.
//!
//! A NAF is known by its Diameter Origin-Host. The name in a NAF_Id is the one the UE used, and a NAF asks only for its
//! own: by exact match after normalisation, no patterns, no suffixes.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    str::FromStr,
    sync::Arc,
};

use diameter::Identity;
use gba::{
    guss::Uss,
    ids::{Fqdn, NafId, UaId},
};
use serde::Deserialize;

/// A file with everything that may stand in one, explained line by line.
///
#[doc = concat!("```toml\n", include_str!("rights.toml"), "```")]
pub const EXAMPLE: &str = include_str!("rights.toml");

/// Most octets of the file.
pub const MAX_FILE: usize = 8 * 1024 * 1024;

/// Which Ua security protocol identifiers a NAF may use.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum UaRule {
    /// Just this one.
    Exactly(UaId),
    /// `01 00 01 yy zz` with a CipherSuite from the first to the last, both included (TS 33.220 Annex H.3).
    Suites(u16, u16),
}

impl UaRule {
    /// Any CipherSuite of TLS up to 1.2.
    pub const ANY_SUITE: Self = Self::Suites(0, u16::MAX);

    /// Whether the rule allows that identifier.
    #[must_use]
    pub fn allows(&self, ua: UaId) -> bool {
        match *self {
            Self::Exactly(this) => ua == this,
            Self::Suites(first, last) => ua
                .tls_suite()
                .is_some_and(|suite| (first..=last).contains(&suite)),
        }
    }
}

/// A text that is no rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a Ua id of ten hex digits, a range such as 010001c0a8-010001c0ab, or 010001* expected")]
pub struct NotARule;

impl FromStr for UaRule {
    type Err = NotARule;

    fn from_str(text: &str) -> Result<Self, NotARule> {
        if text == "010001*" {
            return Ok(Self::ANY_SUITE);
        }
        let id = |text: &str| text.parse::<UaId>().map_err(|_| NotARule);
        let Some((first, last)) = text.split_once('-') else {
            return id(text).map(Self::Exactly);
        };
        match (id(first)?.tls_suite(), id(last)?.tls_suite()) {
            (Some(first), Some(last)) if first <= last => Ok(Self::Suites(first, last)),
            _ => Err(NotARule),
        }
    }
}

impl fmt::Display for UaRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exactly(ua) => write!(f, "{ua}"),
            Self::ANY_SUITE => f.write_str("010001*"),
            Self::Suites(first, last) => write!(f, "{}-{}", UaId::tls(first), UaId::tls(last)),
        }
    }
}

/// One NAF.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NafRights {
    /// What the tap calls it.
    pub label: String,
    /// Names that a UE may use for it.
    pub fqdns: HashSet<Fqdn>,
    /// Protocols it speaks on Ua.
    pub ua: Vec<UaRule>,
    /// GAA service identifiers whose settings it may read.
    pub services: HashSet<String>,
    /// Groups (`nafGroup`) it belongs to.
    pub groups: HashSet<String>,
    /// Whether it may learn the IMPI. No by default.
    pub impi: bool,
    /// Seconds for which a key is given, at most.
    pub max_lifetime: Option<u32>,
    /// Laboratory: every name, protocol, service and group is its own.
    pub anything: bool,
}

impl NafRights {
    /// A NAF with one name and these protocols; no service, no IMPI.
    #[must_use]
    pub fn new(fqdn: Fqdn, ua: impl IntoIterator<Item = UaRule>) -> Self {
        Self {
            label: "NAF".into(),
            fqdns: [fqdn].into(),
            ua: ua.into_iter().collect(),
            services: HashSet::new(),
            groups: HashSet::new(),
            impi: false,
            max_lifetime: None,
            anything: false,
        }
    }

    /// Whether it may have a key for that NAF_Id.
    #[must_use]
    pub fn may_have(&self, naf_id: &NafId) -> bool {
        self.anything
            || self.fqdns.contains(naf_id.fqdn()) && self.ua.iter().any(|rule| rule.allows(naf_id.ua()))
    }

    /// Whether it may read that setting: of its services, and of its groups where the setting names one (`nafGroup`).
    #[must_use]
    pub fn may_read(&self, uss: &Uss) -> bool {
        let group = uss.naf_group.as_ref();
        self.anything
            || self.services.contains(&uss.id) && group.is_none_or(|group| self.groups.contains(group))
    }
}

/// Why the rights contradict each other or can't be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RightsError {
    /// An Origin-Host that has rights already.
    #[error("the Origin-Host {0} belongs to another NAF already")]
    HostTaken(String),
    /// A name that another NAF has.
    #[error("the name {0} belongs to another NAF already: a key must have one owner")]
    NameTaken(Fqdn),
    /// A NAF that could never get a key.
    #[error("the NAF with Origin-Host {0} has no name or no Ua id, so that it could never get a key")]
    Useless(String),
    /// The file is wrong; the text says where.
    #[error("{0}")]
    File(String),
}

/// The rights of all NAFs of one BSF.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    by_host: HashMap<Identity, Arc<NafRights>>,
    names: HashSet<Fqdn>,
    relays: HashSet<Identity>,
    anybody: Option<Arc<NafRights>>,
}

impl Rights {
    /// Nobody may have anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a NAF that asks under any of `hosts`.
    ///
    /// # Errors
    /// [`RightsError`]; then nothing was added.
    pub fn add(
        &mut self,
        hosts: impl IntoIterator<Item = Identity>,
        naf: NafRights,
    ) -> Result<(), RightsError> {
        let hosts: Vec<_> = hosts.into_iter().collect();
        let first = || hosts.first().map_or_else(String::new, ToString::to_string);
        if hosts.is_empty() || naf.fqdns.is_empty() || naf.ua.is_empty() {
            return Err(RightsError::Useless(first()));
        }
        if let Some(taken) = hosts.iter().find(|host| self.by_host.contains_key(host)) {
            return Err(RightsError::HostTaken(taken.to_string()));
        }
        if let Some(taken) = naf.fqdns.iter().find(|name| self.names.contains(name)) {
            return Err(RightsError::NameTaken(taken.clone()));
        }
        self.names.extend(naf.fqdns.iter().cloned());
        let naf = Arc::new(naf);
        self.by_host
            .extend(hosts.into_iter().map(|host| (host, Arc::clone(&naf))));
        Ok(())
    }

    /// Lets a Diameter agent bring requests of the NAFs.
    pub fn add_relay(&mut self, host: Identity) {
        self.relays.insert(host);
    }

    /// The NAF that has this Origin-Host.
    #[must_use]
    pub fn naf(&self, origin_host: &Identity) -> Option<&Arc<NafRights>> {
        self.by_host.get(origin_host).or(self.anybody.as_ref())
    }

    /// A laboratory mode: every NAF that isn't listed may have every key, every setting and the IMPI.
    pub fn allow_anybody(&mut self) {
        self.anybody = Some(Arc::new(NafRights {
            label: "NAF".into(),
            fqdns: HashSet::new(),
            ua: Vec::new(),
            services: HashSet::new(),
            groups: HashSet::new(),
            impi: true,
            max_lifetime: None,
            anything: true,
        }));
    }

    /// Whether [`Self::allow_anybody`] was called.
    #[must_use]
    pub const fn allows_anybody(&self) -> bool {
        self.anybody.is_some()
    }

    /// The Origin-Hosts of all NAFs.
    pub fn hosts(&self) -> impl Iterator<Item = &Identity> {
        self.by_host.keys()
    }

    /// All of them with their rights.
    pub(crate) fn nafs(&self) -> impl Iterator<Item = (&Identity, &Arc<NafRights>)> {
        self.by_host.iter()
    }

    /// The agents that may bring their requests.
    pub fn relays(&self) -> impl Iterator<Item = &Identity> {
        self.relays.iter()
    }

    /// Reads the file's text, of the form of [`EXAMPLE`].
    ///
    /// # Errors
    /// [`RightsError`] with line and column.
    pub fn parse(text: &str) -> Result<Self, RightsError> {
        if text.len() > MAX_FILE {
            return Err(RightsError::File(format!(
                "at most {} MiB expected",
                MAX_FILE / 1024 / 1024
            )));
        }
        // Nothing secret stands in this file, so its text may be shown in the error.
        let file: File =
            toml::from_str(text).map_err(|e| RightsError::File(e.to_string().trim_end().into()))?;
        Self::of(file)
    }

    /// Reads `[[bsf.naf]]` of a file that holds other things too, which are other readers' concern.
    ///
    /// # Errors
    /// [`RightsError`] with line and column, but without the line: other parts of the file may hold keys.
    pub fn parse_within(text: &str) -> Result<Self, RightsError> {
        let whole: Whole = toml::from_str(text).map_err(|e| {
            let before = text
                .get(..e.span().map_or(0, |span| span.start))
                .unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            RightsError::File(format!("line {line}, column {column}: {}", e.message()))
        })?;
        let (relays, naf) = (Vec::new(), whole.bsf.naf);
        Self::of(File { relays, naf })
    }

    fn of(file: File) -> Result<Self, RightsError> {
        let mut rights = Self::new();
        for naf in file.naf {
            let hosts = naf.origin_hosts.into_iter().map(|h| h.0);
            rights.add(
                hosts,
                NafRights {
                    label: naf.label.unwrap_or_else(|| "NAF".into()),
                    fqdns: naf.fqdns.into_iter().map(|f| f.0).collect(),
                    ua: naf.ua.into_iter().map(|u| u.0).collect(),
                    services: naf.services,
                    groups: naf.groups,
                    impi: naf.impi,
                    max_lifetime: naf.max_lifetime,
                    anything: false,
                },
            )?;
        }
        file.relays
            .into_iter()
            .for_each(|relay| rights.add_relay(relay.0));
        Ok(rights)
    }
}

/// A value written as text.
struct Text<T>(T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// Another file with the NAFs within.
#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    bsf: Within,
}

#[derive(Default, Deserialize)]
struct Within {
    #[serde(default)]
    naf: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    relays: Vec<Text<Identity>>,
    #[serde(default)]
    naf: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    label: Option<String>,
    origin_hosts: Vec<Text<Identity>>,
    fqdns: Vec<Text<Fqdn>>,
    ua: Vec<Text<UaRule>>,
    #[serde(default)]
    services: HashSet<String>,
    #[serde(default)]
    groups: HashSet<String>,
    #[serde(default)]
    impi: bool,
    max_lifetime: Option<u32>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "relays = ['dra.test']\n[[naf]]\norigin_hosts = ['a.test', 'a2.test']\nfqdns = ['NAF.example.']\n\
        ua = ['0100000002', '010001c0a8-010001c0ab']\nservices = ['1']\n[[naf]]\norigin_hosts = ['b.test']\n\
        fqdns = ['b.example']\nua = ['010001*']\nimpi = true\n";

    fn name(text: &str) -> Identity {
        text.parse().unwrap()
    }

    fn naf_id(fqdn: &str, ua: &str) -> NafId {
        NafId::new(fqdn.parse().unwrap(), ua.parse().unwrap())
    }

    #[test]
    fn rights_stand_within_another_file_whose_lines_are_never_shown() {
        let within = "[ue]\nk = 'c0ffee'\n[[bsf.naf]]\norigin_hosts = ['a.test']\nfqdns = ['a.test']\nua = ['0100000002']\n";
        let rights = Rights::parse_within(within).unwrap();
        assert!(rights.naf(&name("a.test")).is_some());
        assert!(Rights::parse_within("").unwrap().hosts().next().is_none());
        let why = Rights::parse_within(&format!("{within}impy = true\n"))
            .unwrap_err()
            .to_string();
        assert!(
            why.contains("line 7, column 1") && why.contains("impy") && why.contains("impi"),
            "{why}"
        );
        assert!(!why.contains("c0ffee"), "{why}");
    }

    #[test]
    fn ruling_22_names_match_whole_and_normalised_and_ua_ids_by_rule() {
        let rights = Rights::parse(FILE).unwrap();
        let a = rights.naf(&name("A2.test")).unwrap();
        for (fqdn, ua, may) in [
            ("naf.example", "0100000002", true),
            ("NAF.EXAMPLE.", "0100000002", true),
            ("naf.example", "010001c0a8", true),
            ("naf.example", "010001c0ab", true),
            ("naf.example", "010001c0a7", false),
            ("naf.example", "010001c0ac", false),
            ("naf.example", "0100000007", false),
            ("naf.example", "0300000002", false),
            ("x.naf.example", "0100000002", false),
            ("af.example", "0100000002", false),
            ("b.example", "0100000002", false),
        ] {
            assert_eq!(a.may_have(&naf_id(fqdn, ua)), may, "{fqdn} {ua}");
        }
        assert!(!a.impi);
        assert!(rights.naf(&name("c.test")).is_none() && rights.naf(&name("dra.test")).is_none());
        assert_eq!(rights.hosts().count(), 3);
        assert_eq!(rights.relays().collect::<Vec<_>>(), [&name("dra.test")]);
        let b = rights.naf(&name("b.test")).unwrap();
        assert!(b.impi && b.may_have(&naf_id("b.example", "01000100ae")));
        assert!(!b.may_have(&naf_id("b.example", "010002c0a8")));
    }

    #[test]
    fn the_example_is_read() {
        let rights = Rights::parse(EXAMPLE).unwrap();
        let maf = rights.naf(&name("maf.home.test")).unwrap();
        assert!(maf.may_have(&naf_id("maf.home.test", "01000100ae")) && !maf.impi);
        assert_eq!(maf.max_lifetime, Some(3600));
    }

    #[test]
    fn contradictions_and_mistakes_are_told() {
        let with = |more: &str| Rights::parse(&format!("{FILE}{more}")).unwrap_err().to_string();
        let naf = |host, fqdn, ua| {
            format!("[[naf]]\norigin_hosts = ['{host}']\nfqdns = ['{fqdn}']\nua = ['{ua}']\n")
        };
        assert!(with(&naf("A.test", "c.example", "010001*")).contains("belongs to another NAF"));
        assert!(with(&naf("c.test", "naf.example", "010001*")).contains("one owner"));
        assert!(with(&naf("c.test", "c.example", "010001")).contains("ten hex digits"));
        assert!(with(&naf("c.test", "10.0.0.1", "010001*")).contains("not an IP address"));
        assert!(with("[[naf]]\norigin_hosts = ['c.test']\nfqdns = []\nua = []").contains("never get a key"));
        assert!(with("impl = true").contains("line 12"));
    }

    proptest! {
        #[test]
        fn ua_rules_round_trip_or_are_refused(text in "[0-9a-f*-]{0,21}") {
            if let Ok(rule) = text.parse::<UaRule>() {
                prop_assert_eq!(rule.to_string().parse(), Ok(rule));
            }
        }

        #[test]
        fn suites_are_what_lies_between(first: u16, last: u16, suite: u16) {
            let text = format!("{}-{}", UaId::tls(first), UaId::tls(last));
            match text.parse::<UaRule>() {
                Ok(rule) => prop_assert_eq!(rule.allows(UaId::tls(suite)), first <= suite && suite <= last),
                Err(_) => prop_assert!(first > last),
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[\\PC\n]{0,200}") {
            let _ = Rights::parse(&text);
        }
    }
}
