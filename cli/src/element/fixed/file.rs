//! The file of sessions that nobody bootstrapped: [`EXAMPLE`] shows all that may stand in it. Errors tell line, column
//! and key, and never what stands there, as it may be a key.

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use aka::Rand;
use base::{Now, Secret, Utc};
use bsf::{
    fixed::{FixedSessions, GivenKeys, NafKeys},
    sessions::{Mode, Session},
};
use gba::{
    guss::{BsfInfo, Guss, UiccType},
    ids::{Btid, Fqdn, Impi, NafId, UaId},
    keys::Ks,
};
use hss::subscribers::{
    FileError, KeySource, MAX_LIFETIME, OnlyHex, OsKeys, document, key,
    table::{Table, Value},
    uss,
};

use crate::input::{octets_of_file, text_of_file};

/// A file with everything that may stand in one.
pub(in crate::element) const EXAMPLE: &str = include_str!("example.toml");

/// Most octets of the file.
const MAX_FILE: u64 = 8 * 1024 * 1024;
/// Seconds that a session lives where nobody says.
const LIFETIME: u32 = 3600;
const KEY: &str = "64 hex digits, \"@FILE\" or \"env:NAME\" expected";

/// Reads the file; key files are looked for beside it.
pub(super) fn load(path: &Path, production: bool, bsf: &Fqdn, now: Now) -> Result<FixedSessions, String> {
    let octets = octets_of_file(path, MAX_FILE)?;
    let text = text_of_file(path, &octets)?;
    let mut keys = OsKeys {
        directory: path.parent().map(Path::to_owned).unwrap_or_default(),
    };
    parse(text, production, &mut keys, bsf, now).map_err(|e| format!("{}, {e}", path.display()))
}

/// Reads a text in which all keys are hex.
pub(crate) fn of_text(text: &str, bsf: &Fqdn, now: Now) -> Result<FixedSessions, FileError> {
    parse(text, false, &mut OnlyHex, bsf, now)
}

fn parse(
    text: &str,
    production: bool,
    source: &mut dyn KeySource,
    bsf: &Fqdn,
    now: Now,
) -> Result<FixedSessions, FileError> {
    let document = document(text)?;
    let mut root = Table::new(text, String::new(), 0, document.get_ref());
    let mut all = FixedSessions::new();
    let mut reader = Reader {
        production,
        source,
        bsf,
        now,
    };
    for table in root.tables("session")? {
        reader.session(table, &mut all)?;
    }
    if all.is_empty() {
        return Err(root.error("session", "missing: at least one [[session]] expected"));
    }
    root.finish()?;
    Ok(all)
}

struct Reader<'a> {
    production: bool,
    source: &'a mut dyn KeySource,
    bsf: &'a Fqdn,
    now: Now,
}

/// A text that is read by its type's own grammar, if it is there.
fn typed<T>(t: &mut Table<'_, '_>, name: &'static str) -> Result<Option<T>, FileError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let Some(text) = t.text(name)? else {
        return Ok(None);
    };
    let read = text.value.parse();
    read.map(Some)
        .map_err(|e: T::Err| t.error_about(&text, e.to_string()))
}

impl Reader<'_> {
    fn session(&mut self, mut t: Table<'_, '_>, all: &mut FixedSessions) -> Result<(), FileError> {
        let named: Option<Btid> = typed(&mut t, "btid")?;
        let rand: Option<Rand> = typed(&mut t, "rand")?;
        let btid = match (named, &rand) {
            (Some(btid), _) => btid,
            (None, Some(rand)) => Btid::issue(rand, self.bsf),
            (None, None) => {
                return Err(t.error("btid", "missing: a B-TID, or the rand that makes one, expected"));
            }
        };
        let impi: Option<Impi> = typed(&mut t, "impi")?;
        let ks = self.key(&mut t, "ks")?;
        let mode = match t.flag("gba_u")?.unwrap_or(false) {
            true => Mode::U,
            false => Mode::Me,
        };
        let expiry = self.expiry(&mut t)?;
        let left = u64::try_from(expiry.0.saturating_sub(self.now.utc.0)).unwrap_or(0);
        let ends = self.now.mono + Duration::from_secs(left);
        let created = self.now.utc;
        let guss = guss(&mut t, mode)?;
        let given = self.given(&mut t)?;
        let added = match (ks, given.is_empty()) {
            (Some(_), false) => return Err(t.error("key", "either ks or [[session.key]] expected, not both")),
            (None, true) => {
                let what = format!("missing: ks as {KEY}, or [[session.key]] with the keys themselves");
                return Err(t.error("ks", what));
            }
            (Some(ks), true) => {
                let Some(impi) = impi else {
                    return Err(t.error("impi", "missing: it is part of every key that is derived of ks"));
                };
                let Some(rand) = rand.or_else(|| btid.rand()) else {
                    return Err(t.error(
                        "rand",
                        "missing: it is part of every key, and the B-TID doesn't tell it",
                    ));
                };
                let ks = Ks::new(ks);
                all.add(Session {
                    btid,
                    impi,
                    rand,
                    ks,
                    mode,
                    guss,
                    created,
                    expiry,
                    ends,
                })
            }
            (None, false) => all.add_given(GivenKeys {
                btid,
                impi,
                keys: given,
                guss,
                created,
                expiry,
                ends,
            }),
        };
        added.map_err(|e| t.error("btid", e.to_string()))?;
        t.finish()
    }

    /// When the session ends; it may have ended.
    fn expiry(&self, t: &mut Table<'_, '_>) -> Result<Utc, FileError> {
        let lifetime = t.number("lifetime", 1, MAX_LIFETIME)?;
        match (t.text("expires")?, lifetime) {
            (None, seconds) => Ok(self.now.utc.plus_secs(seconds.unwrap_or(LIFETIME))),
            (Some(text), None) => {
                let expiry = Utc::parse(text.value).map_err(|e| t.error_about(&text, e.to_string()))?;
                if expiry > self.now.utc.plus_secs(MAX_LIFETIME) {
                    return Err(t.error_about(&text, "at most a year from now expected"));
                }
                Ok(expiry)
            }
            (Some(text), Some(_)) => {
                Err(t.error_about(&text, "either lifetime or expires expected, not both"))
            }
        }
    }

    /// `[[session.key]]`.
    fn given(&mut self, t: &mut Table<'_, '_>) -> Result<HashMap<NafId, NafKeys>, FileError> {
        let mut all = HashMap::new();
        for mut one in t.tables("key")? {
            let Some(name) = typed::<Fqdn>(&mut one, "naf")? else {
                return Err(one.error("naf", "missing: the NAF's name expected"));
            };
            let Some(ua) = typed::<UaId>(&mut one, "ua")? else {
                return Err(one.error(
                    "ua",
                    "missing: a Ua id of ten hex digits, such as \"0100000002\", expected",
                ));
            };
            let Some(me) = self.key(&mut one, "me_key")? else {
                return Err(one.error("me_key", format!("missing: {KEY}")));
            };
            let uicc = self.key(&mut one, "uicc_key")?;
            if all.insert(NafId::new(name, ua), NafKeys { me, uicc }).is_some() {
                return Err(one.error("", "this NAF and Ua id have their key already"));
            }
            one.finish()?;
        }
        Ok(all)
    }

    fn key(&mut self, t: &mut Table<'_, '_>, name: &'static str) -> Result<Option<Secret<32>>, FileError> {
        let Some(text): Option<Value<&str>> = t.text(name)? else {
            return Ok(None);
        };
        key(text.value, self.production, self.source)
            .map(Some)
            .map_err(|e| t.error_about(&text, e.to_string()))
    }
}

fn guss(t: &mut Table<'_, '_>, mode: Mode) -> Result<Option<Arc<Guss>>, FileError> {
    let settings = t
        .tables("uss")?
        .into_iter()
        .map(uss)
        .collect::<Result<Vec<_>, _>>()?;
    if settings.is_empty() {
        return Ok(None);
    }
    let uicc_type = match mode {
        Mode::Me => UiccType::Gba,
        Mode::U => UiccType::GbaU,
    };
    Ok(Some(Arc::new(Guss {
        id: None,
        bsf_info: BsfInfo {
            uicc_type: Some(uicc_type),
            lifetime: None,
        },
        uss: settings,
    })))
}

#[cfg(test)]
mod tests {
    use base::Mono;
    use proptest::prelude::*;

    use super::*;

    const NOW: Now = Now {
        mono: Mono(7),
        utc: Utc(1_800_000_000),
    };
    const KEY: &str = "b40ba9a3c58b2a05bbf0d987b21bf8cbf769bcd751044604127672711c6d3441";

    fn read(text: &str) -> Result<FixedSessions, FileError> {
        of_text(text, &"bsf.home.test".parse().unwrap(), NOW)
    }

    fn why(text: &str) -> String {
        read(text).err().unwrap().to_string()
    }

    #[test]
    fn the_example_is_read() {
        let all = read(EXAMPLE).unwrap();
        let ends = NOW.utc.plus_secs(3600);
        let list: Vec<_> = all.list().into_iter().map(|(b, end)| (b.as_str(), end)).collect();
        assert_eq!(
            list,
            [
                (
                    "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org",
                    ends
                ),
                ("a-device@bsf.mnc001.mcc001.pub.3gppnetwork.org", ends),
            ]
        );
    }

    #[test]
    fn a_b_tid_is_made_of_its_rand_and_an_end_is_a_time() {
        let text = format!(
            "[[session]]\nrand = \"{}\"\nimpi = \"a@home.test\"\nks = \"{KEY}\"\nexpires = \"2020-01-01T00:00:00Z\"\n",
            "00".repeat(16)
        );
        let all = read(&text).unwrap();
        let list = all.list();
        assert_eq!(list[0].0.as_str(), "AAAAAAAAAAAAAAAAAAAAAA==@bsf.home.test");
        assert!(list[0].1 < NOW.utc, "an end in the past is an ended session");
    }

    #[test]
    fn mistakes_have_a_place_and_say_what_was_expected() {
        let session = "[[session]]\nbtid = \"x@bsf.test\"\n";
        for (text, place, words) in [
            ("", "line 1, column 1", "[[session]]"),
            ("[[session]]\n", "line 1, column 1", "B-TID"),
            ("[[session]]\nbtid = \"x\"\n", "line 2, column 8", "local@BSF"),
            (session, "line 1, column 1", "ks as 64 hex digits"),
            (
                &format!("{session}ks = 12\n"),
                "line 3, column 6",
                "a text in quotes",
            ),
            (&format!("{session}ks = \"1234\"\n"), "line 3, column 6", "32"),
            (&format!("{session}ks = \"{KEY}\"\n"), "line 1, column 1", "impi"),
            (&format!("{session}kz = \"{KEY}\"\n"), "line 1, column 1", "ks"),
            (
                &format!("{session}impi = \"a@b.test\"\nks = \"{KEY}\"\n"),
                "line 1, column 1",
                "rand",
            ),
            (
                &format!("{session}lifetime = 9\nexpires = \"2027-01-15T09:00:00Z\"\n"),
                "line 4, column 11",
                "not both",
            ),
            (
                &format!("{session}[[session.key]]\nnaf = \"n.test\"\nua = \"01\"\n"),
                "line 5, column 6",
                "",
            ),
            (
                &format!("{session}[[session.key]]\nnaf = \"n.test\"\nua = \"0100000002\"\n"),
                "line 3, column 1",
                "me_key",
            ),
        ] {
            let why = why(text);
            assert!(why.starts_with(place) && why.contains(words), "{text}\n{why}");
            assert!(!why.contains(&KEY[..8]), "{why}");
        }
        let twice = format!("{EXAMPLE}\n{}", EXAMPLE.split("[[session.uss]]").next().unwrap());
        assert!(why(&twice).contains("another session has this B-TID"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\PC\n]{0,200}") {
            let _ = read(&text);
        }

        #[test]
        fn any_value_is_read_or_refused(
            name in "btid|rand|impi|ks|gba_u|lifetime|expires|uss|key",
            value in prop_oneof![Just("1"), Just("true"), Just("[{}]"), Just("{}"), Just("\"\""), Just("\"x@y.test\"")],
        ) {
            let text = format!("[[session]]\n{name} = {value}\n");
            prop_assert!(read(&text).is_err());
        }
    }
}
