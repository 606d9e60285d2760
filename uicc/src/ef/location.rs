//! Where the phone was last: EF_LOCI, EF_PSLOCI, EF_EPSLOCI (TS 31.102 4.2.17, 4.2.23, 4.2.91), EF_5GS3GPPLOCI
//! (4.4.11.2).

use base::{DecodeError, Reader};

use super::{
    plmn::Plmn,
    value::{Content, Value},
};

/// EF_LOCI: 11 octets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Loci {
    /// TMSI.
    pub tmsi: [u8; 4],
    /// Location area: PLMN and LAC.
    pub plmn: Option<Plmn>,
    /// Location area code.
    pub lac: u16,
    /// Octet for future use, FF.
    pub reserved: u8,
    /// Location update status, low three bits: 0 updated, 1 not, 2 PLMN not allowed, 3 area not allowed.
    pub status: u8,
}

impl Loci {
    /// A card that has never been anywhere: the clause's default.
    pub const NEW: Self = Self {
        tmsi: [0xff; 4],
        plmn: None,
        lac: 0xfffe,
        reserved: 0xff,
        status: 1,
    };
}

/// Meaning of an update status.
fn status(value: u8, words: &[&str]) -> Value {
    let word = words.get(usize::from(value & 0x07));
    word.map_or(Value::Number(u64::from(value)), |w| Value::word(w))
}

const AREA: &[&str] = &["updated", "not updated", "PLMN not allowed", "area not allowed"];
const ROAMING: &[&str] = &["updated", "not updated", "roaming not allowed"];

impl Content for Loci {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let loci = Self {
            tmsi: r.array("TMSI")?,
            plmn: Plmn::read(&mut r)?,
            lac: r.u16("LAC")?,
            reserved: r.u8("octet for future use")?,
            status: r.u8("location update status")?,
        };
        r.finish("EF_LOCI")?;
        Ok(loci)
    }

    fn octets(&self) -> Vec<u8> {
        let mut out = self.tmsi.to_vec();
        out.extend(Plmn::write(self.plmn));
        out.extend(self.lac.to_be_bytes());
        out.extend([self.reserved, self.status]);
        out
    }

    fn value(&self) -> Value {
        Value::Fields(vec![
            ("TMSI", Value::octets(&self.tmsi)),
            ("PLMN", self.plmn.into()),
            ("LAC", Value::Octets(self.lac.to_be_bytes().to_vec())),
            ("status", status(self.status, AREA)),
        ])
    }
}

/// EF_PSLOCI: 14 octets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PsLoci {
    /// P-TMSI.
    pub ptmsi: [u8; 4],
    /// P-TMSI signature.
    pub signature: [u8; 3],
    /// PLMN of the routing area.
    pub plmn: Option<Plmn>,
    /// Location area code.
    pub lac: u16,
    /// Routing area code.
    pub rac: u8,
    /// Routing area update status, as in [`Loci::status`].
    pub status: u8,
}

impl PsLoci {
    /// A card that has never been anywhere.
    pub const NEW: Self = Self {
        ptmsi: [0xff; 4],
        signature: [0xff; 3],
        plmn: None,
        lac: 0xfffe,
        rac: 0xff,
        status: 1,
    };
}

impl Content for PsLoci {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let loci = Self {
            ptmsi: r.array("P-TMSI")?,
            signature: r.array("P-TMSI signature")?,
            plmn: Plmn::read(&mut r)?,
            lac: r.u16("LAC")?,
            rac: r.u8("RAC")?,
            status: r.u8("routing area update status")?,
        };
        r.finish("EF_PSLOCI")?;
        Ok(loci)
    }

    fn octets(&self) -> Vec<u8> {
        let mut out = self.ptmsi.to_vec();
        out.extend(self.signature);
        out.extend(Plmn::write(self.plmn));
        out.extend(self.lac.to_be_bytes());
        out.extend([self.rac, self.status]);
        out
    }

    fn value(&self) -> Value {
        Value::Fields(vec![
            ("P-TMSI", Value::octets(&self.ptmsi)),
            ("signature", Value::octets(&self.signature)),
            ("PLMN", self.plmn.into()),
            ("LAC", Value::Octets(self.lac.to_be_bytes().to_vec())),
            ("RAC", Value::Octets(vec![self.rac])),
            ("status", status(self.status, AREA)),
        ])
    }
}

/// EF_EPSLOCI: 18 octets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EpsLoci {
    /// GUTI as an EPS mobile identity with its length octet (TS 24.301 9.9.3.12).
    pub guti: [u8; 12],
    /// PLMN of the last tracking area.
    pub plmn: Option<Plmn>,
    /// Tracking area code.
    pub tac: u16,
    /// EPS update status: 0 updated, 1 not updated, 2 roaming not allowed.
    pub status: u8,
}

impl EpsLoci {
    /// A card that has never been anywhere.
    pub const NEW: Self = Self {
        guti: [0xff; 12],
        plmn: None,
        tac: 0xfffe,
        status: 1,
    };
}

impl Content for EpsLoci {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let loci = Self {
            guti: r.array("GUTI")?,
            plmn: Plmn::read(&mut r)?,
            tac: r.u16("TAC")?,
            status: r.u8("EPS update status")?,
        };
        r.finish("EF_EPSLOCI")?;
        Ok(loci)
    }

    fn octets(&self) -> Vec<u8> {
        let mut out = self.guti.to_vec();
        out.extend(Plmn::write(self.plmn));
        out.extend(self.tac.to_be_bytes());
        out.push(self.status);
        out
    }

    fn value(&self) -> Value {
        Value::Fields(vec![
            ("GUTI", guti(&self.guti)),
            ("PLMN", self.plmn.into()),
            ("TAC", Value::Octets(self.tac.to_be_bytes().to_vec())),
            ("status", status(self.status, ROAMING)),
        ])
    }
}

/// `0B F6`, PLMN, MME group, MME code, M-TMSI; octets where it is another identity.
fn guti(octets: &[u8; 12]) -> Value {
    let mut r = Reader::new(octets);
    let fields = |r: &mut Reader<'_>| -> Result<Value, DecodeError> {
        Ok(Value::Fields(vec![
            ("PLMN", Plmn::read(r)?.into()),
            ("MME group", Value::octets(r.take(2, "MME group")?)),
            ("MME code", Value::octets(r.take(1, "MME code")?)),
            ("M-TMSI", Value::octets(r.take(4, "M-TMSI")?)),
        ]))
    };
    match r.array::<2>("identity") {
        Ok([0x0b, 0xf6]) => fields(&mut r).unwrap_or_else(|_| Value::octets(octets)),
        _ => Value::octets(octets),
    }
}

/// EF_5GS3GPPLOCI and EF_5GSN3GPPLOCI: 20 octets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FiveGsLoci {
    /// 5G-GUTI as a 5GS mobile identity with its two length octets (TS 24.501 9.11.3.4).
    pub guti: [u8; 13],
    /// PLMN of the last tracking area.
    pub plmn: Option<Plmn>,
    /// Tracking area code, three octets.
    pub tac: [u8; 3],
    /// 5GS update status: 0 updated, 1 not updated, 2 roaming not allowed.
    pub status: u8,
}

impl FiveGsLoci {
    /// A card that has never been anywhere.
    pub const NEW: Self = Self {
        guti: [0xff; 13],
        plmn: None,
        tac: [0xff, 0xff, 0xfe],
        status: 1,
    };
}

impl Content for FiveGsLoci {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let loci = Self {
            guti: r.array("5G-GUTI")?,
            plmn: Plmn::read(&mut r)?,
            tac: r.array("TAC")?,
            status: r.u8("5GS update status")?,
        };
        r.finish("EF_5GS3GPPLOCI")?;
        Ok(loci)
    }

    fn octets(&self) -> Vec<u8> {
        let mut out = self.guti.to_vec();
        out.extend(Plmn::write(self.plmn));
        out.extend(self.tac);
        out.push(self.status);
        out
    }

    fn value(&self) -> Value {
        Value::Fields(vec![
            ("5G-GUTI", Value::octets(&self.guti)),
            ("PLMN", self.plmn.into()),
            ("TAC", Value::Octets(self.tac.to_vec())),
            ("status", status(self.status, ROAMING)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written_back<C: Content>(octets: &[u8]) {
        if let Ok(content) = C::parse(octets) {
            assert_eq!(content.octets(), octets);
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_back(octets in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0xff), 0u8..0x10], 20)) {
            written_back::<Loci>(&octets[..11]);
            written_back::<PsLoci>(&octets[..14]);
            written_back::<EpsLoci>(&octets[..18]);
            written_back::<FiveGsLoci>(&octets);
        }
    }

    //= TS31.102-4.2.17-r1
    #[test]
    fn a_new_card_has_been_nowhere() {
        let hex = |c: Vec<u8>| base::hex::encode(c);
        assert_eq!(hex(Loci::NEW.octets()), "fffffffffffffffffeff01");
        assert_eq!(hex(PsLoci::NEW.octets()), "fffffffffffffffffffffffeff01");
        assert_eq!(hex(EpsLoci::NEW.octets()), "fffffffffffffffffffffffffffffffffe01");
        assert_eq!(FiveGsLoci::NEW.octets().len(), 20);
        assert_eq!(EpsLoci::parse(&EpsLoci::NEW.octets()).unwrap(), EpsLoci::NEW);
        assert!(Loci::parse(&[0xff; 10]).is_err() && Loci::parse(&[0xff; 12]).is_err());
    }

    #[test]
    fn a_guti_is_told_by_its_parts() {
        let octets = base::hex::decode(
            "0bf600f11080018001020304 00f110 0007 00"
                .replace(' ', "")
                .as_str(),
        )
        .unwrap();
        let lines = EpsLoci::parse(&octets).unwrap().value().lines();
        let get = |name: &str| lines.iter().find(|(f, _)| f == name).unwrap().1.clone();
        assert_eq!(get("GUTI.PLMN"), "001-01");
        assert_eq!(get("GUTI.MME group"), "8001");
        assert_eq!(get("GUTI.M-TMSI"), "01020304");
        assert_eq!(
            (get("TAC"), get("status")),
            ("0007".to_owned(), "updated".to_owned())
        );
    }
}
