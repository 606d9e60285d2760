//! GBA user security settings in XML (TS 29.109 Annex A): what an HSS tells a BSF about a subscriber, and the
//! part of it that a NAF gets (`ussList`).
//!
//! Read with the namespace of the Annex under any prefix, or without one as some HSS write it; bounded, no DTD.

use core::fmt::Write as _;

pub use crate::xml::XmlError;
use crate::xml::{self, Node, escape};

/// Namespace of `guss` and `ussList` (TS 29.109 Annex A).
pub const NAMESPACE: &str = "guss-schema-of-3gpp-gaa";

/// What kind of card the subscriber has (`uiccType`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum UiccType {
    /// `GBA`: keys in the terminal.
    Gba,
    /// `GBA_U`: keys in the card.
    GbaU,
}

/// Which key a NAF is to use (`keyChoice`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum KeyChoice {
    /// `ME_BASED_KEY`.
    Me,
    /// `UICC_BASED_KEY`.
    Uicc,
    /// `ME_UICC_BASED_KEYS`.
    Both,
}

impl KeyChoice {
    const ALL: [Self; 3] = [Self::Me, Self::Uicc, Self::Both];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Me => "ME_BASED_KEY",
            Self::Uicc => "UICC_BASED_KEY",
            Self::Both => "ME_UICC_BASED_KEYS",
        }
    }
}

/// What concerns the BSF itself (`bsfInfo`).
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct BsfInfo {
    /// The card; absent means GBA_ME.
    pub uicc_type: Option<UiccType>,
    /// Lifetime of Ks in seconds; absent means the BSF's own.
    pub lifetime: Option<u32>,
}

/// Settings of one service (`uss`).
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Uss {
    /// GAA service identifier (`id`): decimal text, below 1000000 for services that 3GPP standardised.
    pub id: String,
    /// GAA service type (`type`): 0 unspecific, 1 PKI portal, 2 authentication proxy, 3 presence, 4 MBMS, 5 Liberty.
    pub service_type: u32,
    /// Group of NAFs that may have it (`nafGroup`).
    pub naf_group: Option<String>,
    /// Public identities (`uids`).
    pub ue_ids: Vec<String>,
    /// Flags; for the PKI portal 1 authentication, 2 non-repudiation allowed.
    pub flags: Vec<u32>,
    /// Which key to use.
    pub key_choice: Option<KeyChoice>,
}

/// A subscriber's settings (`guss`).
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Guss {
    /// The subscriber, in the HSS's own form (`id`).
    pub id: Option<String>,
    /// For the BSF.
    pub bsf_info: BsfInfo,
    /// For the NAFs.
    pub uss: Vec<Uss>,
}

/// A list of settings on its own (`ussList`), as Zn carries it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UssList(pub Vec<Uss>);

impl Guss {
    /// Reads a `guss` document of up to 64 KiB.
    ///
    /// # Errors
    /// [`XmlError`].
    pub fn parse(octets: &[u8]) -> Result<Self, XmlError> {
        let root = xml::parse(octets, "guss", NAMESPACE)?;
        let info = root.child("bsfInfo");
        Ok(Self {
            id: root.attribute("id").map(str::to_owned),
            bsf_info: BsfInfo {
                uicc_type: info
                    .and_then(|i| i.text_of("uiccType"))
                    .map(|text| match text {
                        "GBA" => Ok(UiccType::Gba),
                        "GBA_U" => Ok(UiccType::GbaU),
                        _ => Err(XmlError::Value {
                            name: "uiccType",
                            rule: "GBA or GBA_U",
                        }),
                    })
                    .transpose()?,
                lifetime: info
                    .and_then(|i| i.text_of("lifeTime"))
                    .map(|text| number("lifeTime", text))
                    .transpose()?,
            },
            uss: root
                .child("ussList")
                .map(uss_list)
                .transpose()?
                .unwrap_or_default(),
        })
    }

    /// Writes the document with the namespace of Annex A.
    #[must_use]
    pub fn to_xml(&self) -> String {
        self.write(&format!(" xmlns=\"{NAMESPACE}\""))
    }

    /// Writes it without namespace, as a widespread HSS does.
    #[must_use]
    pub fn to_xml_without_namespace(&self) -> String {
        self.write("")
    }

    fn write(&self, namespace: &str) -> String {
        let mut out = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><guss{namespace}");
        attribute(&mut out, "id", self.id.as_deref());
        out.push('>');
        if self.bsf_info != BsfInfo::default() {
            out.push_str("<bsfInfo>");
            if let Some(t) = self.bsf_info.uicc_type {
                let text = if t == UiccType::GbaU { "GBA_U" } else { "GBA" };
                element(&mut out, "uiccType", text);
            }
            if let Some(secs) = self.bsf_info.lifetime {
                element(&mut out, "lifeTime", &secs.to_string());
            }
            out.push_str("</bsfInfo>");
        }
        write_uss_list(&mut out, "", &self.uss);
        out.push_str("</guss>");
        out
    }
}

impl UssList {
    /// Reads a `ussList` document of up to 64 KiB.
    ///
    /// # Errors
    /// [`XmlError`].
    pub fn parse(octets: &[u8]) -> Result<Self, XmlError> {
        uss_list(&xml::parse(octets, "ussList", NAMESPACE)?).map(Self)
    }

    /// Writes the document with the namespace of Annex A.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned();
        write_uss_list(&mut out, &format!(" xmlns=\"{NAMESPACE}\""), &self.0);
        out
    }
}

fn number(name: &'static str, text: &str) -> Result<u32, XmlError> {
    text.parse().map_err(|_| XmlError::Value {
        name,
        rule: "a number of up to 32 bits",
    })
}

fn uss_list(list: &Node) -> Result<Vec<Uss>, XmlError> {
    list.all("uss").map(uss).collect()
}

fn uss(node: &Node) -> Result<Uss, XmlError> {
    let texts = |list: &str, item: &str| {
        let list = node.child(list);
        list.iter()
            .flat_map(|l| l.all(item))
            .map(|n| n.text.trim().to_owned())
            .collect::<Vec<_>>()
    };
    Ok(Uss {
        id: node.need("id")?.to_owned(),
        service_type: number("type", node.need("type")?)?,
        naf_group: node.attribute("nafGroup").map(str::to_owned),
        ue_ids: texts("uids", "uid"),
        flags: texts("flags", "flag")
            .iter()
            .map(|text| number("flag", text))
            .collect::<Result<_, _>>()?,
        key_choice: node
            .attribute("keyChoice")
            .or_else(|| node.text_of("keyChoice"))
            .map(|text| {
                KeyChoice::ALL
                    .into_iter()
                    .find(|k| k.as_str() == text)
                    .ok_or(XmlError::Value {
                        name: "keyChoice",
                        rule: "ME_BASED_KEY, UICC_BASED_KEY or ME_UICC_BASED_KEYS",
                    })
            })
            .transpose()?,
    })
}

fn attribute(out: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        // Writing to a String can't fail.
        let _ = write!(out, " {name}=\"{}\"", escape(value));
    }
}

fn element(out: &mut String, name: &str, text: &str) {
    let _ = write!(out, "<{name}>{}</{name}>", escape(text));
}

fn write_uss_list(out: &mut String, namespace: &str, list: &[Uss]) {
    let _ = write!(out, "<ussList{namespace}>");
    for uss in list {
        out.push_str("<uss");
        attribute(out, "id", Some(&uss.id));
        attribute(out, "type", Some(&uss.service_type.to_string()));
        attribute(out, "nafGroup", uss.naf_group.as_deref());
        attribute(out, "keyChoice", uss.key_choice.map(KeyChoice::as_str));
        out.push_str("><uids>");
        uss.ue_ids.iter().for_each(|id| element(out, "uid", id));
        out.push_str("</uids><flags>");
        uss.flags
            .iter()
            .for_each(|flag| element(out, "flag", &flag.to_string()));
        out.push_str("</flags></uss>");
    }
    out.push_str("</ussList>");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Guss {
        Guss {
            id: Some("impi \"x\" <&>".into()),
            bsf_info: BsfInfo {
                uicc_type: Some(UiccType::GbaU),
                lifetime: Some(3600),
            },
            uss: vec![
                Uss {
                    id: "1".into(),
                    service_type: 1,
                    naf_group: Some("A".into()),
                    ue_ids: vec!["sip:a@b".into(), "tel:+1".into()],
                    flags: vec![1, 2],
                    key_choice: Some(KeyChoice::Uicc),
                },
                Uss {
                    id: "1000001".into(),
                    ..Uss::default()
                },
            ],
        }
    }

    //= TS29.109-A-r1
    #[test]
    fn round_trips_with_and_without_namespace() {
        let g = sample();
        assert_eq!(Guss::parse(g.to_xml().as_bytes()), Ok(g.clone()));
        assert_eq!(
            Guss::parse(g.to_xml_without_namespace().as_bytes()),
            Ok(g.clone())
        );
        let list = UssList(g.uss);
        assert_eq!(UssList::parse(list.to_xml().as_bytes()), Ok(list));
    }

    //= TS29.109-A-r2
    #[test]
    fn takes_any_prefix_and_passes_over_what_it_does_not_know() {
        let text = r#"<?xml version="1.0"?><!-- c --><g:guss xmlns:g="guss-schema-of-3gpp-gaa" xmlns:x="urn:x" x:id="no" id="i">
            <x:bsfInfo><x:uiccType>GBA</x:uiccType></x:bsfInfo>
            <g:bsfInfo><g:lifeTime> 60 </g:lifeTime><g:securityFeatures/></g:bsfInfo>
            <g:ussList><g:uss type="0" id="7"><g:uids><g:uid>a&amp;<![CDATA[<b>]]>&#x41;</g:uid></g:uids><x:uids/></g:uss></g:ussList></g:guss>"#;
        let g = Guss::parse(text.as_bytes()).unwrap();
        assert_eq!(g.id.as_deref(), Some("i"));
        assert_eq!(
            g.bsf_info,
            BsfInfo {
                uicc_type: None,
                lifetime: Some(60)
            }
        );
        assert_eq!(g.uss.len(), 1);
        assert_eq!(g.uss[0].ue_ids, ["a&<b>A"]);
    }

    //= TS29.109-A-r3
    #[test]
    fn refuses_dtds_entities_and_bombs() {
        let p = |s: &str| Guss::parse(s.as_bytes()).err();
        assert_eq!(
            p("<!DOCTYPE guss [<!ENTITY a \"x\">]><guss>&a;</guss>"),
            Some(XmlError::Dtd)
        );
        assert_eq!(p("<guss>&a;</guss>"), Some(XmlError::Dtd));
        assert_eq!(
            p(&format!("{}{}", "<guss>".repeat(17), "</guss>".repeat(17))),
            Some(XmlError::TooLarge)
        );
        assert_eq!(
            p(&format!("<guss>{}</guss>", "<a/>".repeat(4097))),
            Some(XmlError::TooLarge)
        );
        assert_eq!(p(&" ".repeat(xml::MAX_OCTETS + 1)), Some(XmlError::TooLarge));
        for bad in [
            "",
            "<guss>",
            "</guss>",
            "<guss></ussList>",
            "x<guss/>",
            "<guss/>x",
            "<guss/><guss/>",
            "<g:guss/>",
            "\u{0}",
        ] {
            assert!(p(bad).is_some(), "{bad}");
        }
        assert!(matches!(p("<ussList/>"), Some(XmlError::Root { .. })));
        assert!(matches!(
            p("<guss xmlns=\"urn:other\"/>"),
            Some(XmlError::Root { .. })
        ));
    }

    //= TS29.109-A-r1
    #[test]
    fn refuses_values_that_are_not_allowed() {
        let p = |s: &str| Guss::parse(s.as_bytes()).err();
        assert_eq!(
            p("<guss><bsfInfo><uiccType>SIM</uiccType></bsfInfo></guss>"),
            Some(XmlError::Value {
                name: "uiccType",
                rule: "GBA or GBA_U"
            })
        );
        assert_eq!(
            p("<guss><ussList><uss type='1'/></ussList></guss>"),
            Some(XmlError::Missing { name: "id" })
        );
        assert!(p("<guss><ussList><uss id='1' type='x'/></ussList></guss>").is_some());
        assert!(p("<guss><bsfInfo><lifeTime>-1</lifeTime></bsfInfo></guss>").is_some());
    }

    proptest! {
        #[test]
        fn never_panics(s in "(<guss>|</guss>|<uss id='1' type='1'>|</uss>|<ussList>|&|;|<!|>|\\PC){0,40}") {
            let _ = Guss::parse(s.as_bytes());
            let _ = UssList::parse(s.as_bytes());
        }

        //= TS29.109-A-r3
        #[test]
        fn any_text_is_escaped(id in "[!-~]{1,12}", uid in "[!-~]{1,12}") {
            let g = Guss {
                id: Some(id.clone()),
                uss: vec![Uss { id, ue_ids: vec![uid], ..Uss::default() }],
                ..Guss::default()
            };
            prop_assert_eq!(Guss::parse(g.to_xml().as_bytes()), Ok(g));
        }
    }
}
