//! One [`Change`] as octets. Numbers are big endian; what is filled up with FF is written without it.

use base::{DecodeError, Reader, Secret, SecretBytes};
use gba::keys::Ks;

use crate::{
    Pin,
    fcp::Security,
    software::{
        profile::{Content, FilePath, FileSpec, GbaRun, KeySpec, LifeCycle, Unblock},
        store::{Application, Change, GbaState, NafSlot},
    },
};

const FILE: u8 = 1;
const DELETED: u8 = 2;
const KEY: u8 = 3;
const SQN: u8 = 4;
const GBA: u8 = 5;
const TERMINATED: u8 = 6;

/// Octets that are written, wiped wherever they were.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Drop for Writer {
    fn drop(&mut self) {
        drop(SecretBytes::new(core::mem::take(&mut self.0)));
    }
}

impl Writer {
    pub(super) fn done(mut self) -> SecretBytes {
        SecretBytes::new(core::mem::take(&mut self.0))
    }

    pub(super) fn put(&mut self, octets: &[u8]) {
        if self.0.capacity() - self.0.len() < octets.len() {
            // A vector that grows leaves octets behind that nobody wipes.
            let mut larger = Vec::with_capacity(2 * (self.0.len() + octets.len()).max(128));
            larger.extend_from_slice(&self.0);
            drop(SecretBytes::new(core::mem::replace(&mut self.0, larger)));
        }
        self.0.extend_from_slice(octets);
    }

    fn u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    /// Seven bits an octet, low ones first: most numbers here are small.
    fn number(&mut self, mut value: u64) {
        while value > 0x7f {
            self.u8(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.u8(value.to_le_bytes()[0]);
    }

    fn length(&mut self, value: usize) {
        self.number(u64::try_from(value).unwrap_or(u64::MAX));
    }

    /// At most 255 octets, with their length in one.
    pub(super) fn short(&mut self, octets: &[u8]) {
        self.u8(u8::try_from(octets.len()).unwrap_or(u8::MAX));
        self.put(octets);
    }

    fn long(&mut self, octets: &[u8]) {
        self.length(octets.len());
        self.put(octets);
    }

    fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Length, then what stands before the FF at the end.
    fn filled(&mut self, octets: &[u8]) {
        let used = octets.iter().rposition(|o| *o != 0xff).map_or(0, |last| last + 1);
        self.length(octets.len());
        self.long(octets.get(..used).unwrap_or(octets));
    }

    fn path(&mut self, path: &FilePath) {
        self.short(path.application().unwrap_or_default());
        self.length(path.fids().len());
        for fid in path.fids() {
            self.put(&fid.to_be_bytes());
        }
    }
}

/// Writes one change.
pub(super) fn write_change(w: &mut Writer, change: &Change) {
    match change {
        Change::File(file) => {
            w.u8(FILE);
            write_file(w, file);
        }
        Change::Deleted(path) => {
            w.u8(DELETED);
            w.path(path);
        }
        Change::Key(key) => {
            w.u8(KEY);
            write_key(w, key);
        }
        Change::Sqn(application, seq_ms) => {
            w.u8(SQN);
            w.u8(application_octet(*application));
            w.length(seq_ms.len());
            seq_ms.iter().for_each(|seq| w.number(*seq));
        }
        Change::Gba(application, gba) => {
            w.u8(GBA);
            w.u8(application_octet(*application));
            write_gba(w, gba);
        }
        Change::CardTerminated => w.u8(TERMINATED),
    }
}

fn write_file(w: &mut Writer, file: &FileSpec) {
    w.path(&file.path);
    w.u8(file.sfi.unwrap_or(0));
    match &file.security {
        Security::Referenced { arr, record } => {
            w.number(0);
            w.put(&arr.to_be_bytes());
            w.u8(*record);
        }
        Security::Other { tag, value } => {
            w.number(u64::from(*tag));
            w.long(value);
        }
    }
    w.u8(file.life_cycle.octet());
    w.flag(file.shareable);
    match &file.content {
        Content::Directory => w.u8(0),
        Content::Transparent(octets) => {
            w.u8(1);
            w.filled(octets);
        }
        Content::LinearFixed {
            record_length,
            records,
        } => write_records(w, 2, *record_length, records),
        Content::Cyclic {
            record_length,
            records,
        } => write_records(w, 3, *record_length, records),
        Content::BerTlv { max_size, objects } => {
            w.u8(4);
            w.number(u64::from(*max_size));
            w.length(objects.len());
            for (tag, value) in objects {
                w.number(u64::from(*tag));
                w.long(value);
            }
        }
    }
}

fn write_records(w: &mut Writer, kind: u8, record_length: u8, records: &[Vec<u8>]) {
    w.u8(kind);
    w.u8(record_length);
    w.length(records.len());
    records.iter().for_each(|record| w.filled(record));
}

fn write_key(w: &mut Writer, key: &KeySpec) {
    w.u8(key.reference);
    w.short(key.application.as_deref().unwrap_or_default());
    w.put(key.value.expose());
    w.u8(key.tries);
    w.u8(key.max_tries);
    w.flag(key.enabled);
    w.flag(key.replaced);
    w.flag(key.unblock.is_some());
    if let Some(unblock) = &key.unblock {
        w.put(unblock.value.expose());
        w.u8(unblock.tries);
        w.u8(unblock.max_tries);
    }
}

fn write_gba(w: &mut Writer, gba: &GbaState) {
    w.flag(gba.run.is_some());
    if let Some(run) = &gba.run {
        w.put(run.ks.expose());
        w.put(run.rand.octets());
    }
    w.number(gba.clock);
    w.length(gba.slots.len());
    for slot in &gba.slots {
        w.flag(slot.is_some());
        if let Some(slot) = slot {
            w.long(&slot.naf_id);
            w.put(slot.ks_int.expose());
            w.number(slot.used);
        }
    }
}

const fn application_octet(application: Application) -> u8 {
    match application {
        Application::Usim => 1,
        Application::Isim => 2,
    }
}

/// Reads changes up to the end.
pub(super) fn read_changes(r: &mut Reader<'_>) -> Result<Vec<Change>, DecodeError> {
    let mut changes = Vec::new();
    while !r.is_empty() {
        changes.push(read_change(r)?);
    }
    Ok(changes)
}

fn read_change(r: &mut Reader<'_>) -> Result<Change, DecodeError> {
    Ok(match r.u8("change")? {
        FILE => Change::File(read_file(r)?),
        DELETED => Change::Deleted(path(r)?),
        KEY => Change::Key(read_key(r)?),
        SQN => {
            let application = application(r)?;
            let seq_ms = many(r, "SEQ_MS", |r| number(r, "SEQ_MS"))?;
            Change::Sqn(application, seq_ms)
        }
        GBA => Change::Gba(application(r)?, read_gba(r)?),
        TERMINATED => Change::CardTerminated,
        _ => return Err(r.invalid("change", "a kind of change from 1 to 6")),
    })
}

fn read_file(r: &mut Reader<'_>) -> Result<FileSpec, DecodeError> {
    let path = path(r)?;
    let sfi = Some(r.u8("SFI")?).filter(|sfi| *sfi != 0);
    let security = match number(r, "access rules")? {
        0 => Security::Referenced {
            arr: r.u16("EF_ARR")?,
            record: r.u8("record of EF_ARR")?,
        },
        tag => Security::Other {
            tag: u32::try_from(tag).map_err(|_| r.invalid("access rules", "a tag of four octets"))?,
            value: long(r, "access rules")?.to_vec(),
        },
    };
    let life_cycle = LifeCycle::from_octet(r.u8("life cycle")?)
        .ok_or_else(|| r.invalid("life cycle", "an octet of TS 102 221 11.1.1.4.9"))?;
    let shareable = flag(r)?;
    let content = match r.u8("structure")? {
        0 => Content::Directory,
        1 => Content::Transparent(filled(r)?),
        2 => Content::LinearFixed {
            record_length: r.u8("record length")?,
            records: many(r, "records", filled)?,
        },
        3 => Content::Cyclic {
            record_length: r.u8("record length")?,
            records: many(r, "records", filled)?,
        },
        4 => Content::BerTlv {
            max_size: u32_number(r, "size")?,
            objects: many(r, "objects", |r| {
                Ok((u32_number(r, "tag")?, long(r, "object")?.to_vec()))
            })?,
        },
        _ => return Err(r.invalid("structure", "a structure from 0 to 4")),
    };
    Ok(FileSpec {
        path,
        sfi,
        security,
        life_cycle,
        shareable,
        content,
    })
}

fn read_key(r: &mut Reader<'_>) -> Result<KeySpec, DecodeError> {
    let reference = r.u8("key reference")?;
    let application = aid(r)?;
    let value = pin(r)?;
    let tries = r.u8("tries")?;
    let max_tries = r.u8("tries")?;
    let enabled = flag(r)?;
    let replaced = flag(r)?;
    let unblock = match flag(r)? {
        false => None,
        true => Some(Unblock {
            value: pin(r)?,
            tries: r.u8("tries")?,
            max_tries: r.u8("tries")?,
        }),
    };
    Ok(KeySpec {
        reference,
        application,
        value,
        tries,
        max_tries,
        unblock,
        enabled,
        replaced,
    })
}

fn read_gba(r: &mut Reader<'_>) -> Result<GbaState, DecodeError> {
    let run = match flag(r)? {
        false => None,
        true => Some(GbaRun {
            ks: Ks::new(Secret::new(r.array("Ks")?)),
            rand: r.array("RAND")?.into(),
        }),
    };
    let clock = number(r, "count of derivations")?;
    let slots = many(r, "NAF keys", |r| {
        Ok(match flag(r)? {
            false => None,
            true => Some(NafSlot {
                naf_id: long(r, "NAF_Id")?.to_vec(),
                ks_int: Secret::new(r.array("Ks_int_NAF")?),
                used: number(r, "count of derivations")?,
            }),
        })
    })?;
    Ok(GbaState { run, slots, clock })
}

fn application(r: &mut Reader<'_>) -> Result<Application, DecodeError> {
    match r.u8("application")? {
        1 => Ok(Application::Usim),
        2 => Ok(Application::Isim),
        _ => Err(r.invalid("application", "1 or 2")),
    }
}

fn pin(r: &mut Reader<'_>) -> Result<Pin, DecodeError> {
    r.array("PIN").map(|octets| Pin::from_octets(Secret::new(octets)))
}

fn flag(r: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match r.u8("flag")? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(r.invalid("flag", "0 or 1")),
    }
}

fn number(r: &mut Reader<'_>, what: &'static str) -> Result<u64, DecodeError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let octet = r.u8(what)?;
        let bits = u64::from(octet & 0x7f);
        if bits << shift >> shift != bits {
            break;
        }
        value |= bits << shift;
        if octet & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(r.invalid(what, "a number of at most 64 bits"))
}

fn u32_number(r: &mut Reader<'_>, what: &'static str) -> Result<u32, DecodeError> {
    let value = number(r, what)?;
    u32::try_from(value).map_err(|_| r.invalid(what, "a number of at most 32 bits"))
}

fn length(r: &mut Reader<'_>, what: &'static str) -> Result<usize, DecodeError> {
    let value = number(r, what)?;
    usize::try_from(value).map_err(|_| r.invalid(what, "a length of this machine"))
}

fn long<'a>(r: &mut Reader<'a>, what: &'static str) -> Result<&'a [u8], DecodeError> {
    let length = length(r, what)?;
    r.take(length, what)
}

/// What [`Writer::filled`] wrote. A file has at most some hundred KiB, whatever the number says.
fn filled(r: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    const MOST: usize = 1 << 20;
    let size = length(r, "size")?;
    let used = long(r, "content")?;
    if size > MOST || used.len() > size {
        return Err(r.invalid("size", "at least the content, and at most 1 MiB"));
    }
    let mut octets = used.to_vec();
    octets.resize(size, 0xff);
    Ok(octets)
}

/// A count and so many items, of which each has at least one octet.
fn many<'a, T>(
    r: &mut Reader<'a>,
    what: &'static str,
    mut item: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = length(r, what)?;
    if count > r.len() {
        return Err(r.invalid(what, "as many as are counted"));
    }
    (0..count).map(|_| item(r)).collect()
}

fn aid(r: &mut Reader<'_>) -> Result<Option<Vec<u8>>, DecodeError> {
    let length = r.u8("AID")?;
    if length > 16 {
        return Err(r.invalid("AID", "at most 16 octets"));
    }
    let aid = r.take(usize::from(length), "AID")?;
    Ok(Some(aid.to_vec()).filter(|aid| !aid.is_empty()))
}

fn path(r: &mut Reader<'_>) -> Result<FilePath, DecodeError> {
    let aid = aid(r)?;
    let fids = many(r, "file identifiers", |r| r.u16("file identifier"))?;
    Ok(match aid {
        None => FilePath::in_mf(&fids),
        Some(aid) => FilePath::in_adf(&aid, &fids),
    })
}
