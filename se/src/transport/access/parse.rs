//! The data objects of an ARA-M (GPD_SPE_013 4.2.1 and annex A): `FF40 { E2 { E1 { 4F|C0, C1, CA }, E3 { D0, D1, DB } } … }`.

use base::{DecodeError, Reader, tlv};

use super::{Access, Device, Filter, Hash, Rule, Rules, Target};

/// Most octets of all rules together; the API's own limit is the two length octets that ARA-Ms write.
pub(super) const MOST: usize = 0xffff;

const RESPONSE_ALL: u32 = 0xff40;
const REF_AR: u32 = 0xe2;
const REF: u32 = 0xe1;
const AR: u32 = 0xe3;
const AID: u32 = 0x4f;
const DEFAULT: u32 = 0xc0;
const DEVICE_APPLICATION: u32 = 0xc1;
const PACKAGE: u32 = 0xca;
const APDU: u32 = 0xd0;

impl Rules {
    /// Reads what GET DATA \[All\] gives: one object FF40. Tags that aren't known are left out, as annex A asks.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that can't be a rule: rules that can't be read allow nothing.
    pub fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let all = tlv::read(&mut r)?;
        r.finish("Response-ALL-AR-DO")?;
        if all.tag != RESPONSE_ALL {
            return Err(invalid("Response-ALL-AR-DO", all.at, "tag FF40"));
        }
        let rules = tlv::read_all(all.value)?;
        let rules = rules.iter().filter(|rule| rule.tag == REF_AR);
        rules.map(|r| rule(r.value)).collect::<Result<_, _>>().map(Self)
    }
}

fn rule(octets: &[u8]) -> Result<Rule, DecodeError> {
    let parts = tlv::read_all(octets)?;
    let one = |tag, what| {
        let mut found = parts.iter().filter(|p| p.tag == tag);
        match (found.next(), found.next()) {
            (Some(part), None) => tlv::read_all(part.value),
            _ => Err(invalid(what, 0, "exactly one in a REF-AR-DO")),
        }
    };
    let reference = one(REF, "REF-DO")?;
    let target = reference
        .iter()
        .find_map(|p| match (p.tag, p.value) {
            (AID, []) => Some(Ok(Target::All)),
            (AID, aid) if (5..=16).contains(&aid.len()) => Some(Ok(Target::Aid(aid.to_vec()))),
            (AID, _) => Some(Err(invalid(
                "AID-REF-DO",
                p.at,
                "an AID of 5 to 16 octets, or none",
            ))),
            (DEFAULT, []) => Some(Ok(Target::Default)),
            (DEFAULT, _) => Some(Err(invalid("AID-REF-DO", p.at, "C0 without a value"))),
            _ => None,
        })
        .ok_or(invalid("REF-DO", 0, "an AID-REF-DO, 4F or C0"))??;
    let device = reference
        .iter()
        .find(|p| p.tag == DEVICE_APPLICATION)
        .map(|p| match p.value {
            [] => Ok(Device::All),
            hash => Hash::new(hash).map(Device::Signed).ok_or(invalid(
                "DeviceAppID-REF-DO",
                p.at,
                "20 or 32 octets, or none",
            )),
        })
        .transpose()?
        .filter(|_| reference.iter().all(|p| p.tag != PACKAGE))
        .unwrap_or(Device::Other);
    // Without an APDU-AR-DO no command is allowed (annex A, AR-DO).
    let access = one(AR, "AR-DO")?
        .iter()
        .find(|p| p.tag == APDU)
        .map_or(Ok(Access::Never), |p| access(p.value, p.at))?;
    Ok(Rule {
        device,
        target,
        access,
    })
}

fn access(value: &[u8], at: usize) -> Result<Access, DecodeError> {
    let (filters, rest) = value.as_chunks::<8>();
    match (value, rest) {
        ([0], _) => Ok(Access::Never),
        ([1], _) => Ok(Access::Always),
        ([_, ..], []) => Ok(Access::Filtered(
            filters
                .iter()
                .map(|&[a, b, c, d, e, f, g, h]| Filter {
                    header: [a, b, c, d],
                    mask: [e, f, g, h],
                })
                .collect(),
        )),
        _ => Err(invalid("APDU-AR-DO", at, "00, 01 or filters of eight octets")),
    }
}

const fn invalid(what: &'static str, at: usize, rule: &'static str) -> DecodeError {
    DecodeError::Invalid { what, at, rule }
}
