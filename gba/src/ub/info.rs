//! The body of a successful bootstrapping (TS 24.109 Annex C).

use base::Utc;

use crate::{
    ids::Btid,
    xml::{self, XmlError, escape},
};

/// Namespace of the document.
const NAMESPACE: &str = "uri:3gpp-gba";

/// B-TID and the end of its key's life, both protected by auth-int.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BootstrappingInfo {
    /// The name of the new Ks.
    pub btid: Btid,
    /// When Ks ends: a point in time, not a duration.
    pub lifetime: Utc,
    /// The BSF's clock, if it sent it inside `Extension`: lets a UE with a wrong clock compute the duration.
    pub current_time: Option<Utc>,
}

impl BootstrappingInfo {
    /// Without the BSF's clock.
    #[must_use]
    pub const fn new(btid: Btid, lifetime: Utc) -> Self {
        Self {
            btid,
            lifetime,
            current_time: None,
        }
    }

    /// Reads the document under any prefix or without namespace; unknown elements are passed over.
    ///
    /// # Errors
    /// [`XmlError`].
    pub fn parse(octets: &[u8]) -> Result<Self, XmlError> {
        match Self::usual(octets) {
            Some(info) => Ok(info),
            None => Self::any(octets),
        }
    }

    /// The form that annex C shows and BSFs send, read in one pass without a tree of elements; anything else is none.
    fn usual(octets: &[u8]) -> Option<Self> {
        // What is too large, the long way says.
        let octets = Some(octets).filter(|o| o.len() <= xml::MAX_OCTETS)?;
        let mut rest = core::str::from_utf8(octets).ok()?;
        take(&mut rest, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        take(&mut rest, "<BootstrappingInfo xmlns=\"uri:3gpp-gba\">")?;
        take(&mut rest, "<btid>")?;
        let btid = text(&mut rest, "</btid>")?.parse().ok()?;
        take(&mut rest, "<lifetime>")?;
        let lifetime = Utc::parse(text(&mut rest, "</lifetime>")?).ok()?;
        let current_time = match take(&mut rest, "<Extension>") {
            None => None,
            Some(()) => {
                take(&mut rest, "<currenttime>")?;
                let time = Utc::parse(text(&mut rest, "</currenttime>")?).ok()?;
                take(&mut rest, "</Extension>")?;
                Some(time)
            }
        };
        take(&mut rest, "</BootstrappingInfo>")?;
        rest.is_empty().then_some(Self {
            btid,
            lifetime,
            current_time,
        })
    }

    fn any(octets: &[u8]) -> Result<Self, XmlError> {
        let root = xml::parse(octets, "BootstrappingInfo", NAMESPACE)?;
        let text = |name| root.text_of(name).ok_or(XmlError::Missing { name });
        let time = |name, text| {
            Utc::parse(text).map_err(|_| XmlError::Value {
                name,
                rule: "a date and time with zone",
            })
        };
        Ok(Self {
            btid: text("btid")?.parse().map_err(|_| XmlError::Value {
                name: "btid",
                rule: "a B-TID, local@BSF-name",
            })?,
            lifetime: time("lifetime", text("lifetime")?)?,
            current_time: root
                .child("Extension")
                .and_then(|e| e.text_of("currenttime"))
                .map(|text| time("currenttime", text))
                .transpose()?,
        })
    }

    /// Writes the document, one element a line.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let extension = self.current_time.map_or_else(String::new, |now| {
            format!("<Extension><currenttime>{now}</currenttime></Extension>\r\n")
        });
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<BootstrappingInfo xmlns=\"{NAMESPACE}\">\r\n\
             <btid>{}</btid>\r\n<lifetime>{}</lifetime>\r\n{extension}</BootstrappingInfo>\r\n",
            escape(self.btid.as_str()),
            self.lifetime
        )
    }
}

/// Takes a tag with the blanks behind it.
fn take(rest: &mut &str, tag: &str) -> Option<()> {
    *rest = blanks(rest.strip_prefix(tag)?);
    Some(())
}

/// Takes a text without anything that XML gives a meaning, and the tag that ends it.
fn text<'a>(rest: &mut &'a str, end: &str) -> Option<&'a str> {
    let (text, _) = rest.split_at_checked(rest.find('<')?)?;
    *rest = rest.get(text.len()..)?;
    take(rest, end)?;
    let plain = |b: u8| matches!(b, b' '..=b'~') && !matches!(b, b'&' | b'>');
    text.bytes().all(plain).then(|| text.trim())
}

/// Without the white space of XML in front.
fn blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    //= TS33.220-4.5.2-r3
    //= TS24.109-C.1-r2
    //= TS24.109-C.1-r4
    #[test]
    fn reads_a_live_networks_body() {
        let live = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<BootstrappingInfo xmlns=\"uri:3gpp-gba\">\n<btid>fve4iTWb1rTb297CzVSrpw==@bsf.ims.mnc045.mcc123.pub.3gppnetwork.org</btid>\n<lifetime>2020-10-28T23:36:26Z</lifetime>\n</BootstrappingInfo>\n";
        let info = BootstrappingInfo::parse(live.as_bytes()).unwrap();
        assert_eq!(info.lifetime.to_string(), "2020-10-28T23:36:26Z");
        assert_eq!(info.current_time, None);
        let odd = "<b:BootstrappingInfo xmlns:b='uri:3gpp-gba'><b:lifetime>2030-01-01T00:00:00Z</b:lifetime><b:x/><b:btid> a@b.example </b:btid><b:Extension><b:currenttime>2029-01-01T00:00:00Z</b:currenttime></b:Extension></b:BootstrappingInfo>";
        assert_eq!(
            BootstrappingInfo::parse(odd.as_bytes()).map(|i| i.current_time.map(|t| t.to_string())),
            Ok(Some("2029-01-01T00:00:00Z".into()))
        );
        for bad in [
            "<BootstrappingInfo/>",
            "<BootstrappingInfo><btid>a</btid><lifetime>2030-01-01T00:00:00Z</lifetime></BootstrappingInfo>",
            "<BootstrappingInfo><btid>a@b.c</btid><lifetime>tomorrow</lifetime></BootstrappingInfo>",
        ] {
            assert!(BootstrappingInfo::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_document_beyond_the_bounds_is_refused_in_either_way() {
        let info = BootstrappingInfo::new("a@bsf.example.org".parse().unwrap(), Utc(1_800_000_000));
        let long = info.to_xml() + &" ".repeat(xml::MAX_OCTETS);
        assert_eq!(BootstrappingInfo::parse(long.as_bytes()), Err(XmlError::TooLarge));
    }

    proptest! {
        //= TS24.109-C.1-r1
        #[test]
        fn round_trips(local in "[!-~]{1,20}", secs in 0_i64..4_000_000_000, now in proptest::option::of(0_i64..4_000_000_000)) {
            let info = BootstrappingInfo {
                btid: format!("{local}@bsf.example.org").parse().unwrap(),
                lifetime: Utc(secs),
                current_time: now.map(Utc),
            };
            prop_assert_eq!(BootstrappingInfo::parse(info.to_xml().as_bytes()), Ok(info));
        }

        /// The short way says what the long one says, whatever a few octets of the document are.
        #[test]
        fn the_usual_form_is_read_as_any_other(
            local in "[!-~]{1,20}",
            now in proptest::option::of(0_i64..4_000_000_000),
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), "[ -~\\r\\n\\t]{0,2}|<!-- -->|<x/>|é"), 0..3),
        ) {
            let info = BootstrappingInfo {
                btid: format!("{local}@bsf.example.org").parse().unwrap(),
                lifetime: Utc(1_800_000_000),
                current_time: now.map(Utc),
            };
            let mut document = info.to_xml();
            if changes.is_empty() && !local.contains(['<', '>', '&', '"', '\'']) {
                prop_assert_eq!(BootstrappingInfo::usual(document.as_bytes()), Some(info));
            }
            for (at, what) in changes {
                let at = at.index(document.len());
                if document.is_char_boundary(at) && document.is_char_boundary(at + 1) {
                    document.replace_range(at..=at, &what);
                }
            }
            if let Some(usual) = BootstrappingInfo::usual(document.as_bytes()) {
                prop_assert_eq!(BootstrappingInfo::any(document.as_bytes()), Ok(usual), "{}", document);
            }
        }

        #[test]
        fn never_panics(s in "\\PC{0,100}") {
            let _ = BootstrappingInfo::parse(s.as_bytes());
        }
    }
}
