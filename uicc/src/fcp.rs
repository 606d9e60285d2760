//! FCP template (TS 102 221 11.1.1.3): what a card says about a file after SELECT and STATUS.
//!
//! The order of objects is the one that cards use: 82 83 84 A5 8A 8B/8C C6 80 81 88.

use base::{DecodeError, Reader, tlv};

/// Structure of an EF, or that it is a directory: the file descriptor (tag 82).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Structure {
    /// MF, DF or ADF.
    Directory,
    /// Octets with an offset.
    Transparent,
    /// Records of one length, numbered from 1.
    LinearFixed {
        /// Octets of a record.
        record_length: u16,
        /// How many records.
        records: u8,
    },
    /// Records of one length, the newest is number 1.
    Cyclic {
        /// Octets of a record.
        record_length: u16,
        /// How many records.
        records: u8,
    },
    /// Data objects by tag.
    BerTlv,
}

/// How to learn the access rules (tags 8B, 8C, AB).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Security {
    /// A record of an EF_ARR (tag 8B, three octets).
    Referenced {
        /// The EF_ARR's file identifier.
        arr: u16,
        /// Its record.
        record: u8,
    },
    /// Another form of tag 8B (by security environment), 8C (compact) or AB (expanded), as it came.
    Other {
        /// The tag.
        tag: u32,
        /// Its value.
        value: Vec<u8>,
    },
}

/// Short file identifier (tag 88).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sfi {
    /// Tag 88 is absent: the five lowest bits of the file identifier.
    Implied,
    /// Tag 88 is empty: the file has none.
    None,
    /// 1 to 30.
    Is(u8),
}

/// One reference of the PIN status template (tag C6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PinStatus {
    /// Key reference, such as 01 for PIN 1 and 0A for ADM 1.
    pub reference: u8,
    /// True if it must be verified.
    pub enabled: bool,
    /// Usage qualifier (tag 95, before the reference), mostly of the universal PIN: 08 if it stands in for a PIN that is
    /// off, 00 if not.
    pub usage: Option<u8>,
}

/// The PIN status template (tag C6): which PINs and codes a directory has.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PinTemplate {
    /// PS_DO (tag 90): one bit a reference, the first is the highest; 1 means that it must be verified. Cards are known
    /// with more bits than references.
    bits: Vec<u8>,
    /// Key references (tag 83) in order, each with the usage qualifier (95) before it.
    references: Vec<(u8, Option<u8>)>,
}

impl PinTemplate {
    /// The template of these PINs.
    #[must_use]
    pub fn new(pins: &[PinStatus]) -> Self {
        let mut bits = vec![0_u8; pins.len().div_ceil(8)];
        for (i, pin) in pins.iter().enumerate() {
            if let (true, Some(octet)) = (pin.enabled, bits.get_mut(i / 8)) {
                *octet |= 0x80 >> (i % 8);
            }
        }
        Self {
            bits,
            references: pins.iter().map(|p| (p.reference, p.usage)).collect(),
        }
    }

    /// Each reference with its bit.
    pub fn iter(&self) -> impl Iterator<Item = PinStatus> {
        self.references
            .iter()
            .enumerate()
            .map(|(i, (reference, usage))| PinStatus {
                reference: *reference,
                enabled: self.bits.get(i / 8).is_some_and(|o| o & (0x80 >> (i % 8)) != 0),
                usage: *usage,
            })
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = tlv::object(0x90, &self.bits);
        for (reference, usage) in &self.references {
            if let Some(usage) = usage {
                tlv::write(&mut out, 0x95, &[*usage]);
            }
            tlv::write(&mut out, 0x83, &[*reference]);
        }
        out
    }

    fn parse(template: &[u8]) -> Result<Self, DecodeError> {
        let mut pins = Self::default();
        let mut qualifier = None;
        for t in tlv::read_all(template)? {
            match (t.tag, t.value) {
                (0x90, value) => pins.bits = value.to_vec(),
                (0x95, [usage]) => qualifier = Some(*usage),
                (0x83, [reference]) => pins.references.push((*reference, qualifier.take())),
                _ => {}
            }
        }
        Ok(pins)
    }
}

/// What is known of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fcp {
    /// Tag 82.
    pub structure: Structure,
    /// Tag 82, bit 7 of the first octet: may be selected on several channels.
    pub shareable: bool,
    /// Tag 83; an ADF may lack it.
    pub fid: Option<u16>,
    /// Tag 84, only of an ADF.
    pub df_name: Option<Vec<u8>>,
    /// Objects of tag A5, in order.
    pub proprietary: Vec<(u32, Vec<u8>)>,
    /// Tag 8A: 05 or 07 activated, 04 deactivated, 0C terminated, 01 creation, 03 initialisation.
    pub life_cycle: u8,
    /// Tags 8B, 8C or AB.
    pub security: Security,
    /// Tag C6, only of a directory.
    pub pins: Option<PinTemplate>,
    /// Tag 80: octets of an EF's body.
    pub size: Option<u32>,
    /// Tag 81: octets that the file takes with what manages it; of a directory, with what lies in it.
    pub total_size: Option<u32>,
    /// Tag 88.
    pub sfi: Sfi,
}

impl Fcp {
    /// The template with its tag 62.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // The template's tag, and room for a short length.
        let mut out = Vec::with_capacity(80);
        out.extend_from_slice(&[0x62, 0]);
        let (descriptor, length) = self.descriptor();
        tlv::write(&mut out, 0x82, descriptor.get(..length).unwrap_or(&descriptor));
        if let Some(fid) = self.fid {
            tlv::write(&mut out, 0x83, &fid.to_be_bytes());
        }
        if let Some(name) = &self.df_name {
            tlv::write(&mut out, 0x84, name);
        }
        if !self.proprietary.is_empty() {
            let mut inner = Vec::new();
            for (tag, value) in &self.proprietary {
                tlv::write(&mut inner, *tag, value);
            }
            tlv::write(&mut out, 0xa5, &inner);
        }
        tlv::write(&mut out, 0x8a, &[self.life_cycle]);
        match &self.security {
            Security::Referenced { arr, record } => {
                let [high, low] = arr.to_be_bytes();
                tlv::write(&mut out, 0x8b, &[high, low, *record]);
            }
            Security::Other { tag, value } => tlv::write(&mut out, *tag, value),
        }
        if let Some(pins) = &self.pins {
            tlv::write(&mut out, 0xc6, &pins.encode());
        }
        for (tag, size) in [(0x80, self.size), (0x81, self.total_size)] {
            if let Some(size) = size {
                // At least two octets (TS 102 221 11.1.1.4.1).
                let octets = size.to_be_bytes();
                let lead = octets.iter().take(2).take_while(|o| **o == 0).count();
                tlv::write(&mut out, tag, octets.get(lead..).unwrap_or_default());
            }
        }
        match self.sfi {
            Sfi::Implied => {}
            Sfi::None => tlv::write(&mut out, 0x88, &[]),
            Sfi::Is(sfi) => tlv::write(&mut out, 0x88, &[sfi << 3]),
        }
        match (u8::try_from(out.len() - 2), out.get_mut(1)) {
            (Ok(length @ 0..=0x7f), Some(place)) => *place = length,
            _ => out = tlv::object(0x62, out.get(2..).unwrap_or_default()),
        }
        out
    }

    /// The descriptor, and how many of its octets there are.
    fn descriptor(&self) -> ([u8; 5], usize) {
        let share = if self.shareable { 0x40 } else { 0 };
        let plain = |kind: u8| ([share | kind, 0x21, 0, 0, 0], 2);
        let records = |kind: u8, length: u16, records: u8| {
            let [high, low] = length.to_be_bytes();
            ([share | kind, 0x21, high, low, records], 5)
        };
        match self.structure {
            Structure::Directory => plain(0x38),
            Structure::Transparent => plain(0x01),
            Structure::LinearFixed {
                record_length,
                records: n,
            } => records(0x02, record_length, n),
            Structure::Cyclic {
                record_length,
                records: n,
            } => records(0x06, record_length, n),
            Structure::BerTlv => plain(0x39),
        }
    }

    /// Reads a template.
    ///
    /// # Errors
    /// [`DecodeError`] if it isn't one, or lacks file descriptor, life cycle or access rules.
    pub fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let start = r;
        let template = tlv::read(&mut r)?;
        if template.tag != 0x62 {
            return Err(start.invalid("FCP", "a template with tag 62"));
        }
        r.finish("FCP")?;
        let mut fcp = Self {
            structure: Structure::Directory,
            shareable: false,
            fid: None,
            df_name: None,
            proprietary: Vec::new(),
            life_cycle: 0,
            security: Security::Other {
                tag: 0,
                value: Vec::new(),
            },
            pins: None,
            size: None,
            total_size: None,
            sfi: Sfi::Implied,
        };
        let missing = |rule| start.invalid("FCP", rule);
        let (mut descriptor, mut life, mut security) = (false, false, false);
        for t in tlv::read_all(template.value)? {
            let mut v = Reader::new(t.value);
            match t.tag {
                0x82 => {
                    descriptor = true;
                    let first = v.u8("file descriptor")?;
                    fcp.shareable = first & 0x40 != 0;
                    fcp.structure = structure(first, t.value)?;
                }
                0x83 => fcp.fid = Some(v.u16("file identifier")?),
                0x84 => fcp.df_name = Some(t.value.to_vec()),
                0xa5 => {
                    fcp.proprietary = tlv::read_all(t.value)?
                        .into_iter()
                        .map(|p| (p.tag, p.value.to_vec()))
                        .collect();
                }
                0x8a => {
                    life = true;
                    fcp.life_cycle = v.u8("life cycle status")?;
                }
                0x8b | 0x8c | 0xab => {
                    security = true;
                    fcp.security = match (t.tag, t.value) {
                        (0x8b, [high, low, record]) => Security::Referenced {
                            arr: u16::from_be_bytes([*high, *low]),
                            record: *record,
                        },
                        _ => Security::Other {
                            tag: t.tag,
                            value: t.value.to_vec(),
                        },
                    };
                }
                0xc6 => fcp.pins = Some(PinTemplate::parse(t.value)?),
                0x80 => fcp.size = Some(size(t.value).ok_or(missing("a file size of 1 to 4 octets"))?),
                0x81 => {
                    fcp.total_size =
                        Some(size(t.value).ok_or(missing("a total file size of 1 to 4 octets"))?);
                }
                0x88 => {
                    fcp.sfi = match t.value {
                        [] => Sfi::None,
                        [octet, ..] => Sfi::Is(octet >> 3),
                    };
                }
                // Whatever later releases add.
                _ => {}
            }
        }
        match (descriptor, life, security) {
            (false, ..) => Err(missing("a file descriptor (82)")),
            (_, false, _) => Err(missing("a life cycle status (8A)")),
            (.., false) => Err(missing("access rules (8B, 8C or AB)")),
            _ => Ok(fcp),
        }
    }
}

/// The descriptor octet's bits 6 to 1 (TS 102 221 table 11.5), and the record length and count behind it.
fn structure(first: u8, value: &[u8]) -> Result<Structure, DecodeError> {
    let mut r = Reader::new(value);
    let mut records = |cyclic: bool| {
        r.take(2, "file descriptor")?;
        let record_length = r.u16("record length")?;
        // CREATE FILE leaves it to the size.
        let records = if r.is_empty() {
            0
        } else {
            r.u8("number of records")?
        };
        Ok(if cyclic {
            Structure::Cyclic {
                record_length,
                records,
            }
        } else {
            Structure::LinearFixed {
                record_length,
                records,
            }
        })
    };
    if first & 0x3f == 0x39 {
        return Ok(Structure::BerTlv);
    }
    if first & 0x38 == 0x38 {
        return Ok(Structure::Directory);
    }
    match first & 0x07 {
        1 => Ok(Structure::Transparent),
        2 => records(false),
        6 => records(true),
        _ => Err(Reader::new(value).invalid("file descriptor", "a structure of TS 102 221 table 11.5")),
    }
}

fn size(octets: &[u8]) -> Option<u32> {
    if octets.is_empty() || octets.len() > 4 {
        return None;
    }
    Some(octets.iter().fold(0, |n, o| n << 8 | u32::from(*o)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::hex;
    use proptest::prelude::*;

    fn fcps() -> impl Strategy<Value = Fcp> {
        let structure = prop_oneof![
            Just(Structure::Directory),
            Just(Structure::Transparent),
            Just(Structure::BerTlv),
            (any::<u16>(), any::<u8>()).prop_map(|(record_length, records)| Structure::LinearFixed {
                record_length,
                records
            }),
            (any::<u16>(), any::<u8>()).prop_map(|(record_length, records)| Structure::Cyclic {
                record_length,
                records
            }),
        ];
        let octets = proptest::collection::vec(any::<u8>(), 0..20);
        let pin =
            (any::<u8>(), any::<bool>(), any::<Option<u8>>()).prop_map(|(reference, enabled, usage)| {
                PinStatus {
                    reference,
                    enabled,
                    usage,
                }
            });
        let sfi = prop_oneof![Just(Sfi::Implied), Just(Sfi::None), (1u8..31).prop_map(Sfi::Is)];
        (
            (structure, any::<bool>(), any::<Option<u16>>()),
            proptest::option::of(octets.clone()),
            proptest::collection::vec((0x80u32..0x8f, octets.clone()), 0..4),
            (any::<u8>(), any::<u16>(), any::<u8>()),
            proptest::option::of(proptest::collection::vec(pin, 0..12).prop_map(|p| PinTemplate::new(&p))),
            any::<[Option<u32>; 2]>(),
            sfi,
        )
            .prop_map(
                |(
                    (structure, shareable, fid),
                    df_name,
                    proprietary,
                    (life_cycle, arr, record),
                    pins,
                    [size, total_size],
                    sfi,
                )| Fcp {
                    structure,
                    shareable,
                    fid,
                    df_name,
                    proprietary,
                    life_cycle,
                    security: Security::Referenced { arr, record },
                    pins,
                    size,
                    total_size,
                    sfi,
                },
            )
    }

    proptest! {
        #[test]
        fn round_trips(fcp in fcps()) {
            prop_assert_eq!(Fcp::parse(&fcp.encode()).unwrap(), fcp);
        }

        #[test]
        fn never_panics(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Fcp::parse(&octets);
            let _ = Fcp::parse(&tlv::object(0x62, &octets));
        }
    }

    #[test]
    fn what_real_cards_say_is_read_and_written_octet_for_octet() {
        for real in [
            "622c8202782183023f00a50c80017183040003a7388701018a01058b032f0601c60c90016083010183010a83010b",
            "62178202412183026f078a01058b036f060a80020009880138",
        ] {
            let octets = hex::decode(real).unwrap();
            assert_eq!(hex::encode(Fcp::parse(&octets).unwrap().encode()), real);
        }
    }

    #[test]
    fn a_template_without_what_is_mandatory_is_refused() {
        for bad in [
            "6200",
            "6f00",
            "620482027821",
            "620782027821800100",
            "6207820278218a0105",
        ] {
            assert!(Fcp::parse(&hex::decode(bad).unwrap()).is_err(), "{bad}");
        }
    }
}
