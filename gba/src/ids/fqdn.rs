//! Host names of network elements, and the BSF names of TS 23.003 16.2.

use core::{fmt, str::FromStr};
use std::sync::Arc;

use super::{IdError, Impi, Imsi, MncLength};

/// Most octets of a host name in text form (RFC 1035 2.3.4).
const MAX: usize = 253;
/// Most octets of one label.
const MAX_LABEL: usize = 63;

/// A host name, normalised: lower case, no trailing dot. Never an IP address.
///
/// Keys depend on the name's octets (TS 33.220 Annex B.3), so both ends must use this one form.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fqdn(Arc<str>);

impl Fqdn {
    /// The normalised text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a `Host` header or the authority of a URL: a port, if there is one, is cut off.
    ///
    /// # Errors
    /// [`IdError`] if the rest isn't a host name, or the port isn't a number.
    pub fn from_host(text: &str) -> Result<Self, IdError> {
        match text.split_once(':') {
            Some((host, port)) if port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit()) => host.parse(),
            Some(_) => Err(IdError::grammar(
                "a host",
                "a number of up to five digits after the colon",
            )),
            None => text.parse(),
        }
    }

    /// `bsf.mnc<MNC>.mcc<MCC>.pub.3gppnetwork.org`, the MNC in three digits (TS 23.003 16.2, without ISIM).
    #[must_use]
    //= TS23.003-16.2-r1
    pub fn bsf_for_imsi(imsi: &Imsi, mnc: MncLength) -> Self {
        Self(
            format!(
                "bsf.mnc{:0>3}.mcc{}.pub.3gppnetwork.org",
                imsi.mnc(mnc),
                imsi.mcc()
            )
            .into(),
        )
    }

    /// `bsf.` and the domain of an ISIM's IMPI; in a `3gppnetwork.org` domain `pub.` is put before that
    /// (TS 23.003 16.2, with ISIM). The IMPI made from an IMSI goes by [`Self::bsf_for_imsi`].
    ///
    /// # Errors
    /// [`IdError`] if the IMPI's domain isn't a host name.
    //= TS23.003-16.2-r2
    pub fn bsf_for_impi(impi: &Impi) -> Result<Self, IdError> {
        let domain: Self = impi.domain().parse()?;
        let name = match domain.as_str().strip_suffix(".3gppnetwork.org") {
            Some(head) if head != "pub" && !head.ends_with(".pub") => {
                format!("bsf.{head}.pub.3gppnetwork.org")
            }
            _ => format!("bsf.{domain}"),
        };
        name.parse()
    }
}

impl FromStr for Fqdn {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        const WHAT: &str = "a host name";
        let text = text.strip_suffix('.').unwrap_or(text);
        IdError::check_length(WHAT, 1, MAX, text.len())?;
        // To the end in any case: without a branch for each octet that is faster.
        let allowed = |b: u8| b.is_ascii_alphanumeric() | matches!(b, b'-' | b'_' | b'.');
        let all_allowed = text.bytes().fold(true, |all, b| all & allowed(b));
        for label in text.as_bytes().split(|b| *b == b'.') {
            if label.is_empty() || label.len() > MAX_LABEL {
                return Err(IdError::grammar(
                    WHAT,
                    "labels of 1 to 63 octets between the dots",
                ));
            }
            if !all_allowed || label.starts_with(b"-") || label.ends_with(b"-") {
                return Err(IdError::grammar(
                    WHAT,
                    "letters, digits, and hyphens inside a label",
                ));
            }
        }
        if text
            .rsplit('.')
            .next()
            .is_some_and(|top| top.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(IdError::grammar(WHAT, "a name, not an IP address"));
        }
        if text.bytes().fold(false, |any, b| any | b.is_ascii_uppercase()) {
            return Ok(Self(text.to_ascii_lowercase().into()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Fqdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Fqdn {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    //= TS33.220-B.3-r4
    #[test]
    fn is_normalised_and_strict() {
        let f = |s: &str| s.parse::<Fqdn>().map(|f| f.to_string());
        assert_eq!(f("NAF.Example.ORG.").as_deref(), Ok("naf.example.org"));
        assert_eq!(f("localhost").as_deref(), Ok("localhost"));
        let long = "a".repeat(64);
        for bad in [
            "",
            ".",
            "a..b",
            "-a.b",
            "a-.b",
            "a b",
            "a/b",
            "127.0.0.1",
            "a:80",
            "[::1]",
            "ä.org",
            &long,
            "a\n.b",
        ] {
            assert!(f(bad).is_err(), "{bad}");
        }
        assert_eq!(
            Fqdn::from_host("Naf.example:8080")
                .map(|f| f.to_string())
                .as_deref(),
            Ok("naf.example")
        );
        for bad in ["naf.example:x", "naf.example:1:2", "naf.example:123456", ":80"] {
            assert!(Fqdn::from_host(bad).is_err(), "{bad}");
        }
    }

    //= TS23.003-16.2-r1
    //= TS23.003-16.2-r2
    #[test]
    fn bsf_names_follow_23_003() {
        let isim = |s: &str| {
            s.parse::<Impi>()
                .and_then(|i| Fqdn::bsf_for_impi(&i))
                .map(|f| f.to_string())
        };
        assert_eq!(
            isim("u174463@ims.mnc594.mcc682.3gppnetwork.org").as_deref(),
            Ok("bsf.ims.mnc594.mcc682.pub.3gppnetwork.org")
        );
        assert_eq!(
            isim("u@home24.example.net").as_deref(),
            Ok("bsf.home24.example.net")
        );
        let imsi: Imsi = "463561057349914".parse().unwrap();
        assert_eq!(
            Fqdn::bsf_for_imsi(&imsi, MncLength::Two).as_str(),
            "bsf.mnc056.mcc463.pub.3gppnetwork.org"
        );
        assert_eq!(
            Fqdn::bsf_for_imsi(&imsi, MncLength::Three).as_str(),
            "bsf.mnc561.mcc463.pub.3gppnetwork.org"
        );
    }

    proptest! {
        #[test]
        fn round_trips_or_refuses(s in "\\PC{0,80}") {
            if let Ok(f) = s.parse::<Fqdn>() {
                prop_assert_eq!(f.as_str().parse::<Fqdn>(), Ok(f.clone()));
            }
        }
    }
}
