//! The digest realm by which a NAF asks for a GBA key (TS 24.109 5.2.4).

use core::{fmt, str::FromStr};

use super::{Fqdn, IdError};

/// Which key a realm asks for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RealmKind {
    /// `3GPP-bootstrapping`: Ks_NAF, or Ks_ext_NAF with a GBA_U card.
    Bootstrapping,
    /// `3GPP-bootstrapping-uicc`: Ks_int_NAF.
    Uicc,
    /// `3GPP-bootstrapping-digest`: Ks_NAF of GBA_Digest.
    Digest,
}

impl RealmKind {
    /// The text before the `@`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bootstrapping => "3GPP-bootstrapping",
            Self::Uicc => "3GPP-bootstrapping-uicc",
            Self::Digest => "3GPP-bootstrapping-digest",
        }
    }
}

/// `3GPP-bootstrapping@naf.example.org`: one element of a realm.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Realm3gpp {
    /// Which key.
    pub kind: RealmKind,
    /// Whose key: the NAF's name as it claims. A UE answers only if it is the host it spoke to (ruling 16).
    pub naf: Fqdn,
}

/// Most elements of a realm list that are looked at.
const MAX_ELEMENTS: usize = 8;

impl Realm3gpp {
    /// The realm for Ks_NAF.
    #[must_use]
    pub const fn bootstrapping(naf: Fqdn) -> Self {
        Self {
            kind: RealmKind::Bootstrapping,
            naf,
        }
    }

    /// The GBA elements of a realm, which may be a list separated by `;`. Elements of other kinds are left out,
    /// so an ordinary realm gives an empty list.
    #[must_use]
    pub fn parse_list(realm: &str) -> Vec<Self> {
        realm
            .split(';')
            .take(MAX_ELEMENTS)
            .filter_map(|e| e.trim().parse().ok())
            .collect()
    }
}

impl FromStr for Realm3gpp {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        const WHAT: &str = "a 3GPP bootstrapping realm";
        let Some((kind, naf)) = text.split_once('@') else {
            return Err(IdError::grammar(WHAT, "the form 3GPP-bootstrapping@NAF-name"));
        };
        let kind = [RealmKind::Bootstrapping, RealmKind::Uicc, RealmKind::Digest]
            .into_iter()
            .find(|k| k.as_str().eq_ignore_ascii_case(kind))
            .ok_or(IdError::grammar(
                WHAT,
                "3GPP-bootstrapping, -uicc or -digest before the @",
            ))?;
        Ok(Self {
            kind,
            naf: naf.parse()?,
        })
    }
}

impl fmt::Display for Realm3gpp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.kind.as_str(), self.naf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= TS24.109-5.2-r2
    #[test]
    fn lists_are_split_at_semicolons_and_strangers_left_out() {
        let list = Realm3gpp::parse_list(
            "3GPP-bootstrapping-uicc@test.3gpp.com;3GPP-bootstrapping@test.3gpp.com; 3GPP-AKMA@x.y",
        );
        let text: Vec<_> = list.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "3GPP-bootstrapping-uicc@test.3gpp.com",
                "3GPP-bootstrapping@test.3gpp.com"
            ]
        );
        assert!(Realm3gpp::parse_list("members@naf.example.org").is_empty());
        assert!(Realm3gpp::parse_list("3GPP-bootstrapping@a@b").is_empty());
        assert!("3GPP-bootstrapping".parse::<Realm3gpp>().is_err());
    }
}
