//! The file system (TS 102 221 8) as data: directories and elementary files, and how a profile fills them.

use crate::{
    Sw,
    ef::{DirEntry, GbaBp, ServiceTable, ad, imsi, services},
    fcp::{Fcp, PinStatus, PinTemplate, Security, Sfi, Structure},
    names,
};

use super::{access::Access, profile::Profile};

/// Octets of EF_GBABP: room for a B-TID of 216 octets.
const GBABP_SIZE: usize = 255;
/// Octets of a record of EF_GBANL.
pub(super) const GBANL_RECORD: u8 = 255;
/// Octets of a record of EF_DIR and EF_ARR.
const RECORD: u8 = 38;
/// Octets of EF_UST: 120 services.
const UST_SIZE: usize = 15;

/// Full AID of the USIM: RID, application code 1002, then country, provider and application data of TS 101 220 annex E.
pub(super) const USIM_AID: [u8; 16] = [
    0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02, 0xff, 0xff, 0xff, 0xff, 0x89, 0x00, 0x00, 0x01, 0x00,
];

/// Position of a directory in [`Files`]; the MF is 0.
pub(super) type DirId = usize;
/// The MF.
pub(super) const MF: DirId = 0;

/// An elementary file's position.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct EfId {
    pub(super) dir: DirId,
    ef: usize,
}

/// What a file holds.
pub(super) enum Body {
    Transparent(Vec<u8>),
    LinearFixed { length: u8, records: Vec<Vec<u8>> },
}

/// An elementary file.
pub(super) struct Ef {
    pub(super) fid: u16,
    sfi: Option<u8>,
    pub(super) access: Access,
    pub(super) body: Body,
}

/// MF, DF or ADF.
pub(super) struct Directory {
    /// An ADF has none of its own: 7FFF while it is active.
    fid: Option<u16>,
    pub(super) aid: Option<Vec<u8>>,
    pub(super) parent: DirId,
    /// EF_ARR that holds the rules of what is in here.
    arr: u16,
    efs: Vec<Ef>,
}

/// All files of a card. Directories are few: they are searched one after the other.
pub(super) struct Files(Vec<Directory>);

impl Files {
    /// The files of a profile.
    pub(super) fn new(profile: &Profile) -> Self {
        let mf = Directory {
            fid: Some(names::MF),
            aid: None,
            parent: MF,
            arr: names::EF_ARR_MF,
            efs: vec![
                Ef::transparent(
                    names::EF_ICCID,
                    Some(0x02),
                    Access::Public,
                    profile.iccid.encode().to_vec(),
                ),
                Ef::records(
                    names::EF_DIR,
                    Some(0x1e),
                    Access::Public,
                    RECORD,
                    vec![dir_record()],
                ),
                arr(names::EF_ARR_MF, 0x06),
            ],
        };
        Self(vec![mf, usim(profile)])
    }

    pub(super) fn dir(&self, id: DirId) -> Option<&Directory> {
        self.0.get(id)
    }

    pub(super) fn ef(&self, id: EfId) -> Option<&Ef> {
        self.0.get(id.dir)?.efs.get(id.ef)
    }

    pub(super) fn ef_mut(&mut self, id: EfId) -> Option<&mut Ef> {
        self.0.get_mut(id.dir)?.efs.get_mut(id.ef)
    }

    /// An EF of a directory by its file identifier.
    pub(super) fn find_ef(&self, dir: DirId, fid: u16) -> Option<EfId> {
        let ef = self.0.get(dir)?.efs.iter().position(|e| e.fid == fid)?;
        Some(EfId { dir, ef })
    }

    /// An EF of a directory by its short file identifier.
    pub(super) fn find_sfi(&self, dir: DirId, sfi: u8) -> Option<EfId> {
        let ef = self.0.get(dir)?.efs.iter().position(|e| e.sfi == Some(sfi))?;
        Some(EfId { dir, ef })
    }

    /// A child directory by its file identifier.
    pub(super) fn find_dir(&self, parent: DirId, fid: u16) -> Option<DirId> {
        self.0
            .iter()
            .enumerate()
            .position(|(id, d)| id != MF && d.parent == parent && d.fid == Some(fid))
    }

    /// True if the directory has that identifier.
    pub(super) fn dir_has_fid(&self, id: DirId, fid: u16) -> bool {
        self.dir(id).is_some_and(|d| d.fid == Some(fid))
    }

    /// True if the directory is that one or lies in it.
    pub(super) fn is_within(&self, mut dir: DirId, outer: DirId) -> bool {
        // Parents have lower positions, so this ends.
        loop {
            if dir == outer {
                return true;
            }
            match self.0.get(dir) {
                Some(d) if d.parent < dir => dir = d.parent,
                _ => return false,
            }
        }
    }

    /// Applications whose AID begins with `aid`, in order.
    pub(super) fn applications(&self, aid: &[u8]) -> impl DoubleEndedIterator<Item = DirId> {
        self.0
            .iter()
            .enumerate()
            .filter(move |(_, d)| d.aid.as_ref().is_some_and(|a| a.starts_with(aid)))
            .map(|(id, _)| id)
    }

    /// FCP of a directory.
    pub(super) fn dir_fcp(&self, id: DirId, pins: &[PinStatus]) -> Option<Fcp> {
        let d = self.dir(id)?;
        let arr = self.dir(d.parent)?.arr;
        Some(Fcp {
            structure: Structure::Directory,
            shareable: true,
            fid: d.fid,
            df_name: d.aid.clone(),
            // UICC characteristics (80): clock stop allowed in any state, 1.8 to 5 V.
            proprietary: vec![(0x80, vec![0x71])],
            life_cycle: ACTIVATED,
            security: Security::Referenced {
                arr,
                record: Access::Directory.record(),
            },
            pins: Some(PinTemplate::new(pins)),
            size: None,
            sfi: Sfi::Implied,
        })
    }

    /// FCP of an EF.
    pub(super) fn ef_fcp(&self, id: EfId) -> Option<Fcp> {
        let ef = self.ef(id)?;
        let (structure, size) = match &ef.body {
            Body::Transparent(octets) => (Structure::Transparent, octets.len()),
            Body::LinearFixed { length, records } => (
                Structure::LinearFixed {
                    record_length: u16::from(*length),
                    records: u8::try_from(records.len()).unwrap_or(u8::MAX),
                },
                usize::from(*length) * records.len(),
            ),
        };
        Some(Fcp {
            structure,
            shareable: true,
            fid: Some(ef.fid),
            df_name: None,
            proprietary: Vec::new(),
            life_cycle: ACTIVATED,
            security: Security::Referenced {
                arr: self.dir(id.dir)?.arr,
                record: ef.access.record(),
            },
            pins: None,
            size: u32::try_from(size).ok(),
            sfi: ef.sfi.map_or(Sfi::None, Sfi::Is),
        })
    }

    /// The octets of a transparent EF that this crate's own code put there.
    pub(super) fn transparent(&self, id: EfId) -> Result<&[u8], Sw> {
        match self.ef(id).map(|e| &e.body) {
            Some(Body::Transparent(octets)) => Ok(octets),
            _ => Err(Sw::STRUCTURE),
        }
    }

    /// The same, to be written.
    pub(super) fn transparent_mut(&mut self, id: EfId) -> Result<&mut Vec<u8>, Sw> {
        match self.ef_mut(id).map(|e| &mut e.body) {
            Some(Body::Transparent(octets)) => Ok(octets),
            _ => Err(Sw::STRUCTURE),
        }
    }
}

/// Life cycle status: operational, activated (TS 102 221 11.1.1.4.9).
const ACTIVATED: u8 = 0x05;

impl Ef {
    const fn transparent(fid: u16, sfi: Option<u8>, access: Access, octets: Vec<u8>) -> Self {
        Self {
            fid,
            sfi,
            access,
            body: Body::Transparent(octets),
        }
    }

    /// Records are filled up with FF.
    fn records(fid: u16, sfi: Option<u8>, access: Access, length: u8, mut records: Vec<Vec<u8>>) -> Self {
        for record in &mut records {
            record.resize(usize::from(length), 0xff);
        }
        Self {
            fid,
            sfi,
            access,
            body: Body::LinearFixed { length, records },
        }
    }
}

fn usim(profile: &Profile) -> Directory {
    let mut available = Vec::new();
    if profile.gsm {
        available.extend([services::GSM_ACCESS, services::GSM_CONTEXT]);
    }
    if profile.gba_u.is_some() {
        available.push(services::GBA);
    }
    let ust = ServiceTable::new(UST_SIZE, &available);
    let ad = profile.mnc_length.map_or(vec![0; 3], |m| ad::encode(m).to_vec());
    let mut efs = vec![
        Ef::transparent(
            names::EF_IMSI,
            Some(0x07),
            Access::Protected,
            imsi::encode(&profile.imsi).to_vec(),
        ),
        Ef::transparent(
            names::EF_UST,
            Some(0x04),
            Access::Protected,
            ust.octets().to_vec(),
        ),
        Ef::transparent(names::EF_AD, Some(0x03), Access::Public, ad),
        arr(names::EF_ARR_USIM, 0x17),
    ];
    if let Some(gba_u) = &profile.gba_u {
        let bp = gba_u.run.as_ref().map(|run| GbaBp::started(&run.rand));
        let records = vec![Vec::new(); usize::from(gba_u.naf_records.clamp(1, 254))];
        efs.push(Ef::transparent(
            names::EF_GBABP,
            None,
            Access::Shared,
            gbabp_file(bp),
        ));
        efs.push(Ef::records(
            names::EF_GBANL,
            None,
            Access::Protected,
            GBANL_RECORD,
            records,
        ));
    }
    Directory {
        fid: None,
        aid: Some(USIM_AID.to_vec()),
        parent: MF,
        arr: names::EF_ARR_USIM,
        efs,
    }
}

/// EF_GBABP with these fields, padded to its size.
pub(super) fn gbabp_file(bp: Option<GbaBp>) -> Vec<u8> {
    // A RAND alone has 19 octets: it is never too long.
    let mut octets = bp.and_then(|b| b.encode().ok()).unwrap_or_default();
    octets.resize(GBABP_SIZE, 0xff);
    octets
}

fn dir_record() -> Vec<u8> {
    let entry = DirEntry {
        aid: USIM_AID.to_vec(),
        label: Some("USIM".to_owned()),
    };
    // 26 octets of 38: it fits.
    entry.encode(RECORD).unwrap_or_default()
}

fn arr(fid: u16, sfi: u8) -> Ef {
    let rules = Access::ALL.iter().map(|a| a.rule()).collect();
    Ef::records(fid, Some(sfi), Access::Public, RECORD, rules)
}
