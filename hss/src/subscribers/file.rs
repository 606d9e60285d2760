//! The TOML file with subscribers: [`EXAMPLE`] shows all that may stand in it.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use aka::{
    AlgorithmSet, Amf, Milenage, Sqn, Tuak, Xor,
    sqn::{SqnProfile, home::Scheme},
    tuak,
};
use base::{Now, Secret, SecretBytes, Utc};
use gba::{
    guss::{BsfInfo, Guss, KeyChoice, UiccType, Uss},
    ids::{Impi, Imsi, MncLength},
};
use toml::de::DeTable;

use super::{
    Own, Subscriber, Subscribers,
    keys::{self, KeySource, OsKeys},
    table::{FileError, Table, error_at},
};
use crate::sqn::{NotAScheme, SqnRules, scheme_of};

/// A file with everything that may stand in one, explained line by line.
///
#[doc = concat!("```toml\n", include_str!("example.toml"), "```")]
pub const EXAMPLE: &str = include_str!("example.toml");

/// Most octets of the file.
pub const MAX_FILE: usize = 32 * 1024 * 1024;
/// Most subscribers in one file: it is read whole; more belong into a database.
pub const MAX_SUBSCRIBERS: usize = 100_000;
/// Longest lifetime of a bootstrapped key, in seconds: a year.
pub const MAX_LIFETIME: u32 = 366 * 24 * 3600;
/// Most octets of a GUSS: what a BSF reads.
const MAX_GUSS: usize = 64 * 1024;

/// Why the file was not loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Its content is wrong.
    #[error("{}: {error}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What and where.
        error: FileError,
    },
    /// The system refused.
    #[error("{} can't be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Not UTF-8.
    #[error("{} isn't a text in UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
}

impl Subscribers {
    /// Reads the file; key files are looked for beside it. `now` bounds the file's own time.
    ///
    /// # Errors
    /// [`LoadError`], which never holds a key.
    pub fn load(path: &Path, now: Now) -> Result<Self, LoadError> {
        Self::load_as(path, now, false)
    }

    /// As [`Self::load`]; with `production` the file is read as if it said `production = true`.
    ///
    /// # Errors
    /// [`LoadError`], which never holds a key.
    pub fn load_as(path: &Path, now: Now, production: bool) -> Result<Self, LoadError> {
        let io_error = |source| LoadError::Io {
            path: path.into(),
            source,
        };
        let file = net::file::open(path).map_err(io_error)?;
        let metadata = file.metadata().map_err(io_error)?;
        let mut octets = Vec::new();
        let read = file.take(MAX_FILE as u64 + 1).read_to_end(&mut octets);
        // The file may hold keys, so it is wiped after use.
        let octets = SecretBytes::new(octets);
        read.map_err(io_error)?;
        let text =
            core::str::from_utf8(octets.expose()).map_err(|_| LoadError::NotText { path: path.into() })?;
        let changed = metadata
            .modified()
            .ok()
            .and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
        let changed = changed
            .and_then(|t| i64::try_from(t.as_secs()).ok())
            .map_or(now.utc, Utc);
        let mut keys = OsKeys {
            directory: keys::directory_of(path),
        };
        let subscribers = Self::read(text, production, &mut keys, changed.min(now.utc)).map_err(|error| {
            LoadError::Content {
                path: path.into(),
                error,
            }
        })?;
        if keys::is_exposed(&metadata) {
            tracing::warn!(path = %path.display(), "other users can read the subscribers: chmod 600 the file");
        }
        Ok(subscribers)
    }

    /// Reads the file's text, of the form of [`EXAMPLE`]. `changed` is the time of a GUSS that has none of its own.
    ///
    /// # Errors
    /// [`FileError`] with line, column, key and what was expected; never a value, since that may be a key.
    pub fn parse(text: &str, keys: &mut dyn KeySource, changed: Utc) -> Result<Self, FileError> {
        Self::read(text, false, keys, changed)
    }

    /// Reads `[[table.subscriber]]` of a file that holds other things too, which are other readers' concern.
    ///
    /// # Errors
    /// [`FileError`] as [`Self::parse`].
    pub fn parse_within(
        text: &str,
        table: &str,
        production: bool,
        keys: &mut dyn KeySource,
        changed: Utc,
    ) -> Result<Self, FileError> {
        let document = document(text)?;
        let Some(inner) = document.get_ref().get(table) else {
            return Ok(Self::new());
        };
        let at = inner.span().start;
        let Some(inner) = inner.get_ref().as_table() else {
            let what = format!("a table that begins with [{table}] expected");
            return Err(error_at(text, at, table.into(), what));
        };
        let mut within = Table::new(text, table.into(), at, inner);
        Self::read_tables(&mut within, production, keys, changed)
    }

    fn read(text: &str, production: bool, keys: &mut dyn KeySource, changed: Utc) -> Result<Self, FileError> {
        let document = document(text)?;
        let mut root = Table::new(text, String::new(), 0, document.get_ref());
        let production = root.flag("production")?.unwrap_or(false) || production;
        let all = Self::read_tables(&mut root, production, keys, changed)?;
        root.finish()?;
        Ok(all)
    }

    fn read_tables(
        root: &mut Table<'_, '_>,
        production: bool,
        keys: &mut dyn KeySource,
        changed: Utc,
    ) -> Result<Self, FileError> {
        let tables = root.tables("subscriber")?;
        if tables.len() > MAX_SUBSCRIBERS {
            return Err(root.error("subscriber", format!("at most {MAX_SUBSCRIBERS} expected")));
        }
        let mut all = Self::new();
        for mut table in tables {
            let subscriber = subscriber(&mut table, production, keys, changed)?;
            all.add(subscriber).map_err(|e| table.error("", e.to_string()))?;
            table.finish()?;
        }
        Ok(all)
    }
}

/// A file as TOML, of at most [`MAX_FILE`] octets.
///
/// # Errors
/// [`FileError`] that shows nothing of it but the place.
pub fn document(text: &str) -> Result<toml::Spanned<DeTable<'_>>, FileError> {
    let whole = |at, what: String| error_at(text, at, "the file".into(), what);
    if text.len() > MAX_FILE {
        let most = MAX_FILE / 1024 / 1024;
        return Err(whole(0, format!("at most {most} MiB expected")));
    }
    DeTable::parse(text).map_err(|e| {
        whole(
            e.span().map_or(0, |s| s.start),
            format!("not TOML: {}", e.message()),
        )
    })
}

pub(super) fn subscriber(
    t: &mut Table<'_, '_>,
    production: bool,
    keys: &mut dyn KeySource,
    changed: Utc,
) -> Result<Subscriber, FileError> {
    let (impi, imsi) = impi(t)?;
    let algorithm = algorithm(t, production, keys)?;
    let guss = guss(t, &impi)?;
    let changed = match t.text("guss_changed")? {
        Some(text) => Utc::parse(text.value).map_err(|e| t.error_about(&text, e.to_string()))?,
        None => changed,
    };
    let (rules, mut own) = sqn_rules(t)?;
    let as_is = t.flag("amf_as_is")?.unwrap_or(false);
    let amf = match t.text("amf")? {
        Some(text) => {
            own.amf = true;
            text.value
                .parse()
                .map_err(|e| t.error_about(&text, format!("AMF: {e}")))?
        }
        None => Amf::new([0, 0]),
    };
    let subscriber = Subscriber::new(impi, algorithm)
        .with_sqn_rules(rules)
        .with_guss(guss, changed);
    if as_is && production {
        return Err(t.error(
            "amf_as_is",
            "a laboratory mode: not allowed with production = true",
        ));
    }
    let mut subscriber = if as_is {
        subscriber.with_amf_as_is(amf)
    } else {
        subscriber.with_amf(amf)
    };
    own.amf_as_is = as_is;
    subscriber.own = own;
    subscriber.imsi = imsi;
    Ok(subscriber)
}

/// The IMPI; and the IMSI, where it doesn't stand in that.
fn impi(t: &mut Table<'_, '_>) -> Result<(Impi, Option<Imsi>), FileError> {
    let mnc = t.number("mnc_length", 2, 3)?;
    let imsi = match t.text("imsi")? {
        Some(text) => Some(
            text.value
                .parse::<Imsi>()
                .map_err(|e| t.error_about(&text, e.to_string()))?,
        ),
        None => None,
    };
    if let Some(text) = t.text("impi")? {
        return text
            .value
            .parse()
            .map(|impi| (impi, imsi))
            .map_err(|e: gba::ids::IdError| t.error_about(&text, e.to_string()));
    }
    let Some(imsi) = imsi else {
        return Err(t.error("impi", "missing: give an impi, or an imsi with mnc_length"));
    };
    match mnc
        .and_then(|n| u8::try_from(n).ok())
        .and_then(|n| MncLength::try_from(n).ok())
    {
        Some(mnc) => Ok((Impi::from_imsi(&imsi, mnc), None)),
        None => Err(t.error(
            "mnc_length",
            "missing: 2 or 3 expected, since the IMSI alone doesn't tell the IMPI (EF_AD of the card does)",
        )),
    }
}

/// Reads a key that must be there.
fn key<const N: usize>(
    t: &mut Table<'_, '_>,
    name: &'static str,
    production: bool,
    source: &mut dyn KeySource,
) -> Result<Option<Secret<N>>, FileError> {
    let Some(text) = t.text(name)? else {
        return Ok(None);
    };
    keys::key(text.value, production, source)
        .map(Some)
        .map_err(|e| t.error_about(&text, e.to_string()))
}

fn algorithm(
    t: &mut Table<'_, '_>,
    production: bool,
    source: &mut dyn KeySource,
) -> Result<AlgorithmSet, FileError> {
    const FORM: &str = "hex digits, \"@FILE\" or \"env:NAME\"";
    let name = t.text("algorithm")?;
    let Some(k) = key::<16>(t, "k", production, source)? else {
        return Err(t.error(
            "k",
            format!("missing: the subscriber's key as 32 {FORM} expected"),
        ));
    };
    let res = t
        .number("res_length", 4, 16)?
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(8);
    let bad_res = |t: &Table<'_, '_>, e: &dyn std::fmt::Display| t.error("res_length", e.to_string());
    match name.as_ref().map_or("milenage", |n| n.value) {
        "milenage" => {
            let opc = key::<16>(t, "opc", production, source)?;
            let op = key::<16>(t, "op", production, source)?;
            let milenage = match (opc, op) {
                (Some(opc), None) => Milenage::new(&k, &opc),
                (None, Some(op)) => Milenage::with_op(&k, &op),
                (Some(_), Some(_)) => return Err(t.error("op", "either opc or op expected, not both")),
                (None, None) => {
                    return Err(t.error("opc", format!("missing: opc or op as 32 {FORM} expected")));
                }
            };
            Ok(milenage.with_res_length(res).map_err(|e| bad_res(t, &e))?.into())
        }
        "tuak" => {
            let topc = key::<32>(t, "topc", production, source)?;
            let top = key::<32>(t, "top", production, source)?;
            let k = SecretBytes::from(k.expose().as_slice());
            let tuak = || -> Result<_, tuak::TuakLength> {
                let lengths = tuak::Lengths::new(8, res, 16, 16, 1)?;
                let topc = match (topc, top) {
                    (Some(topc), None) => topc,
                    (None, Some(top)) => Tuak::topc(&k, &top, 1)?,
                    _ => return Ok(None),
                };
                Tuak::new(&k, &topc, lengths).map(Some)
            };
            match tuak().map_err(|e| bad_res(t, &e))? {
                Some(tuak) => Ok(tuak.into()),
                None => Err(t.error("topc", format!("either topc or top as 64 {FORM} expected"))),
            }
        }
        "xor" if production => Err(t.error("algorithm", "xor is for test cards: not with production = true")),
        "xor" => Ok(Xor::new(&k)
            .with_res_length(res)
            .map_err(|e| bad_res(t, &e))?
            .into()),
        _ => {
            let what = "\"milenage\", \"tuak\" or \"xor\" expected";
            Err(name.map_or_else(|| t.error("algorithm", what), |n| t.error_about(&n, what)))
        }
    }
}

fn sqn_rules(t: &mut Table<'_, '_>) -> Result<(SqnRules, Own), FileError> {
    let mut profile = SqnProfile::default();
    if let Some(bits) = t.number("ind_bits", 0, u32::from(SqnProfile::MAX_IND_BITS))? {
        // The number is at most MAX_IND_BITS, which is an octet.
        profile.ind_bits = u8::try_from(bits).unwrap_or(SqnProfile::MAX_IND_BITS);
    }
    if let Some(delta) = t.number("delta", 1, u32::MAX)? {
        profile.delta = delta.into();
    }
    let highest_ind = profile.ind(Sqn::MAX);
    let mut ind = t.number("ind", 0, u32::MAX)?.map(u64::from);
    if ind.is_some_and(|ind| ind > highest_ind) {
        return Err(t.error(
            "ind",
            format!("a number from 0 to {highest_ind} expected with these ind_bits"),
        ));
    }
    let first = match t.text("sqn")? {
        Some(text) => {
            let sqn: Sqn = text
                .value
                .parse()
                .map_err(|e| t.error_about(&text, format!("SQN: {e}")))?;
            ind = ind.or(Some(profile.ind(sqn)));
            Some(sqn)
        }
        None => None,
    };
    let own_scheme = scheme(t)?;
    let own = Own {
        scheme: own_scheme.is_some(),
        ind: ind.is_some(),
        ..Own::default()
    };
    let ind = ind.unwrap_or(highest_ind);
    let rules = SqnRules {
        profile,
        ind,
        first: first.unwrap_or_else(|| aka::sqn::home::next(profile, Sqn::default(), ind)),
        scheme: own_scheme.unwrap_or_default(),
    };
    Ok((rules, own))
}

fn scheme(t: &mut Table<'_, '_>) -> Result<Option<Scheme>, FileError> {
    let start = match t.text("sqn_start")? {
        Some(text) => Some(Utc::parse(text.value).map_err(|e| t.error_about(&text, e.to_string()))?),
        None => None,
    };
    match t.text("sqn_scheme")? {
        Some(text) => match scheme_of(text.value, start) {
            Ok(scheme) => Ok(Some(scheme)),
            Err(NotAScheme::NoStart) => Err(t.error("sqn_start", NotAScheme::NoStart.to_string())),
            Err(e) => Err(t.error_about(&text, e.to_string())),
        },
        None if start.is_some() => Err(t.error("sqn_scheme", "missing: sqn_start belongs to one")),
        None => Ok(None),
    }
}

fn guss(t: &mut Table<'_, '_>, impi: &Impi) -> Result<Guss, FileError> {
    let uicc_type = match t.text("uicc")? {
        None => UiccType::Gba,
        Some(text) => match text.value {
            "gba" => UiccType::Gba,
            "gba_u" => UiccType::GbaU,
            _ => return Err(t.error_about(&text, "\"gba\" or \"gba_u\" expected")),
        },
    };
    let lifetime = t.number("lifetime", 1, MAX_LIFETIME)?;
    let uss = t.tables("uss")?.into_iter().map(uss).collect::<Result<_, _>>()?;
    let bsf_info = BsfInfo {
        uicc_type: Some(uicc_type),
        lifetime,
    };
    let guss = Guss {
        id: Some(impi.as_str().to_owned()),
        bsf_info,
        uss,
    };
    if guss.to_xml().len() > MAX_GUSS {
        return Err(t.error(
            "uss",
            "all settings together make a GUSS of more than 64 KiB, which no BSF reads",
        ));
    }
    Ok(guss)
}

/// One `[[…uss]]`: the settings of a subscriber for one service.
///
/// # Errors
/// [`FileError`].
pub fn uss(mut t: Table<'_, '_>) -> Result<Uss, FileError> {
    let id = match t.text("id")? {
        // TS 29.109 6.3.1.3: the GAA service identifier is a decimal number in text.
        Some(id) if (1..=10).contains(&id.value.len()) && id.value.bytes().all(|b| b.is_ascii_digit()) => {
            id.value.to_owned()
        }
        Some(id) => return Err(t.error_about(&id, "a GAA service identifier of 1 to 10 digits expected")),
        None => return Err(t.error("id", "missing: a GAA service identifier, such as \"1\", expected")),
    };
    let service_type = match t.number("type", 0, u32::MAX)? {
        Some(service_type) => service_type,
        None => return Err(t.error("type", "missing: a GAA service type, such as 0, expected")),
    };
    let naf_group = match t.text("naf_group")? {
        Some(text) if is_word(text.value) => Some(text.value.to_owned()),
        Some(text) => return Err(t.error_about(&text, WORD)),
        None => None,
    };
    let key_choice = match t.text("key_choice")? {
        None => None,
        Some(text) => match text.value {
            "ME_BASED_KEY" => Some(KeyChoice::Me),
            "UICC_BASED_KEY" => Some(KeyChoice::Uicc),
            "ME_UICC_BASED_KEYS" => Some(KeyChoice::Both),
            _ => {
                let what = "\"ME_BASED_KEY\", \"UICC_BASED_KEY\" or \"ME_UICC_BASED_KEYS\" expected";
                return Err(t.error_about(&text, what));
            }
        },
    };
    let mut ue_ids = Vec::new();
    for identity in t.texts("identities")? {
        if !is_word(identity.value) {
            return Err(t.error_about(&identity, WORD));
        }
        ue_ids.push(identity.value.to_owned());
    }
    let flags = t.numbers("flags")?;
    t.finish()?;
    Ok(Uss {
        id,
        service_type,
        naf_group,
        ue_ids,
        flags,
        key_choice,
    })
}

const WORD: &str = "1 to 255 characters without control characters expected";

fn is_word(text: &str) -> bool {
    (1..=255).contains(&text.len()) && !text.chars().any(char::is_control)
}
