//! One row: every mistake in it is told; without one it becomes an [`Entry`], which [`Subscribers`] has taken once.

use aka::{Amf, Sqn, sqn::SqnProfile};
use base::{Secret, SecretBytes, Utc, hex};
use gba::ids::{Impi, Imsi, MncLength};

use super::{
    super::{MAX_LIFETIME, table::FileError},
    Findings, Form, KeySource, Options, Place, Subscribers,
    row::{Cell, Column, Row, name_of},
    write,
};

/// A subscriber that was read without a mistake. Holds keys: it has no `Debug`, and is wiped.
pub struct Entry {
    /// As the TOML file has them, in its order.
    pub(super) values: Vec<(Column, SecretBytes)>,
    pub(super) impi: Impi,
    /// The first key that only TOML can hold.
    pub(super) alone: Option<(Place, String)>,
}

impl Entry {
    /// Who it is.
    #[must_use]
    pub const fn impi(&self) -> &Impi {
        &self.impi
    }

    pub(super) fn get(&self, column: Column) -> Option<&str> {
        let (_, value) = self.values.iter().find(|(c, _)| *c == column)?;
        core::str::from_utf8(value.expose()).ok()
    }
}

/// A row under judgement.
pub(super) struct Judge<'r, 'f> {
    pub(super) row: &'r Row,
    pub(super) form: Form,
    pub(super) options: &'r Options,
    keys: &'r mut dyn KeySource,
    pub(super) found: &'f mut Findings,
    pub(super) values: Vec<(Column, SecretBytes)>,
    good: bool,
}

pub(super) fn row(
    row: &Row,
    form: Form,
    options: &Options,
    keys: &mut dyn KeySource,
    found: &mut Findings,
) -> Option<Entry> {
    let good = row.sound;
    let mut judge = Judge {
        row,
        form,
        options,
        keys,
        found,
        values: Vec::new(),
        good,
    };
    judge.identity();
    judge.twice();
    let algorithm = judge.algorithm();
    judge.operator_key(algorithm);
    judge.sequence();
    judge.rest();
    judge.done()
}

type Checked = Result<String, String>;

impl Judge<'_, '_> {
    pub(super) fn wrong(&mut self, mistake: FileError) {
        self.good = false;
        self.found.mistake(mistake);
    }

    fn put(&mut self, column: Column, value: &str) {
        self.values.push((column, SecretBytes::from(value.as_bytes())));
    }

    /// Judges a cell, if there is one, and keeps what it gives.
    fn check(&mut self, column: Column, judge: impl FnOnce(&str) -> Checked) {
        let row = self.row;
        let Some(cell) = row.get(column) else { return };
        match judge(cell.text()) {
            Ok(value) => self.values.push((column, SecretBytes::new(value.into_bytes()))),
            Err(what) => self.wrong(cell.wrong(what)),
        }
    }

    fn identity(&mut self) {
        self.check(Column::Imsi, imsi);
        self.check(Column::MncLength, |text| match text {
            "2" | "3" => Ok(text.into()),
            _ => Err("2 or 3 expected".into()),
        });
        self.check(Column::Impi, |text| {
            let impi = text.parse::<Impi>().map_err(|e| e.to_string())?;
            Ok(impi.as_str().to_owned())
        });
        let row = self.row;
        if row.get(Column::Impi).is_some() {
            return;
        }
        let Some(cell) = row.get(Column::Imsi) else {
            let what = "missing: an imsi, or an impi, expected";
            return self.wrong(row.lacks(Column::Imsi, what));
        };
        if cell.text().len() < 15 && !self.form.is_ours() {
            let n = cell.text().len();
            self.found.note(format!(
                "{}: {n} digits; most have 15, and a spreadsheet drops zeros at the front",
                cell.key
            ));
        }
        if row.get(Column::MncLength).is_some() {
            return;
        }
        let Ok(imsi) = cell.text().parse::<Imsi>() else {
            return;
        };
        let usual = || {
            (self.form != Form::Toml)
                .then(|| MncLength::usual_for(&imsi))
                .flatten()
        };
        match self.options.mnc_length.or_else(usual) {
            Some(length) => {
                if self.options.mnc_length.is_none() {
                    self.found.mnc_assumed += 1;
                }
                self.put(Column::MncLength, &length.digits().to_string());
            }
            None => {
                let what = "missing: 2 or 3 expected, since the IMSI alone doesn't tell the IMPI (EF_AD of the card does); \
                            for all of them: --mnc-length 2";
                self.wrong(row.lacks(Column::MncLength, what));
            }
        }
    }

    /// The same subscriber twice is a mistake, whatever else is wrong with the row.
    fn twice(&mut self) {
        let get = |column| {
            self.values
                .iter()
                .find(|(c, _)| *c == column)
                .map(|(_, v)| text_of(v))
        };
        let imsi = || {
            let mnc = get(Column::MncLength)?.parse().ok()?;
            Some(Impi::from_imsi(&get(Column::Imsi)?.parse().ok()?, mnc))
        };
        let row = self.row;
        let impi = get(Column::Impi).and_then(|text| text.parse().ok()).or_else(imsi);
        let cell = row.get(Column::Impi).or_else(|| row.get(Column::Imsi));
        let (Some(impi), Some(cell)) = (impi, cell) else {
            return;
        };
        if let Some(before) = self.found.twice(&impi, row.at) {
            let what = format!(
                "{impi} is there already, in line {}: keep one of them",
                before.line
            );
            self.wrong(cell.wrong(what));
        }
    }

    /// K and the algorithm set, whose name it gives.
    fn algorithm(&mut self) -> &'static str {
        const NAMES: [&str; 3] = ["milenage", "tuak", "xor"];
        let named = self.row.get(Column::Algorithm).map(Cell::text);
        let name = NAMES.into_iter().find(|n| named.is_none_or(|named| *n == named));
        self.check(Column::Algorithm, |text| match name {
            Some(_) => Ok(text.into()),
            None => Err("\"milenage\", \"tuak\" or \"xor\" expected".into()),
        });
        self.key(Column::K, 16);
        if self.row.get(Column::K).is_none() {
            let mistake = self.row.lacks(
                Column::K,
                "missing: the subscriber's key as 32 hex digits expected",
            );
            self.wrong(mistake);
        }
        name.unwrap_or("")
    }

    /// Judges a key: hex of so many octets, or, in our own forms, a reference.
    pub(super) fn key(&mut self, column: Column, octets: usize) {
        let row = self.row;
        if let Some(cell) = row.get(column) {
            match self.key_text(cell, octets) {
                Ok(value) => self.values.push((column, value)),
                Err(e) => self.wrong(e),
            }
        }
    }

    pub(super) fn key_text(&mut self, cell: &Cell, octets: usize) -> Result<SecretBytes, FileError> {
        let text = cell.text();
        if text.starts_with('@') || text.starts_with("env:") {
            if !self.form.is_ours() {
                return Err(cell.wrong("hex digits expected: a list of another program has no references"));
            }
            let judged = match octets {
                32 => super::super::key::<32>(text, false, self.keys).map(drop),
                _ => super::super::key::<16>(text, false, self.keys).map(drop),
            };
            judged.map_err(|e| cell.wrong(e.to_string()))?;
            return Ok(SecretBytes::from(text.as_bytes()));
        }
        if text.starts_with("0x") || text.starts_with("0X") {
            return Err(cell.wrong("write the digits without 0x"));
        }
        // Open5GS' web interface writes groups of digits.
        let digits: String = text
            .chars()
            .filter(|c| self.form == Form::Toml || *c != ' ')
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let digits = SecretBytes::new(digits.into_bytes());
        let judged = match octets {
            32 => hex::array::<32>(text_of(&digits)).map(|k| drop(Secret::new(k))),
            _ => hex::array::<16>(text_of(&digits)).map(|k| drop(Secret::new(k))),
        };
        judged.map_err(|e| cell.wrong(e.to_string()))?;
        Ok(digits)
    }

    fn sequence(&mut self) {
        let row = self.row;
        let Some(cell) = row.get(Column::Sqn) else { return };
        let sqn = if self.form.is_ours() {
            cell.text().parse::<Sqn>().map_err(|e| format!("SQN: {e}"))
        } else {
            let number = cell.text().parse().ok().and_then(Sqn::new);
            let leading = cell.text().len() > 1 && cell.text().starts_with('0');
            number.filter(|_| !leading).ok_or_else(|| {
                "SQN: a decimal number from 0 to 281474976710655 expected; if it is hex, give --from csv"
                    .into()
            })
        };
        match sqn {
            Err(what) => self.wrong(cell.wrong(what)),
            // Of a subscriber that never was: the first one of our own is better.
            Ok(sqn) if !self.form.is_ours() && SqnProfile::default().seq(sqn) == 0 => {
                self.found.sqn_zero += 1
            }
            Ok(sqn) => {
                self.put(Column::Sqn, &sqn.to_string());
                self.found.sqn_carried += usize::from(!self.form.is_ours());
            }
        }
    }

    fn rest(&mut self) {
        self.check(Column::Amf, |text| {
            let amf = text.parse::<Amf>().map_err(|e| format!("AMF: {e}"))?;
            Ok(amf.to_string())
        });
        let bits = SqnProfile::MAX_IND_BITS;
        self.check(Column::IndBits, |text| number(text, 0, u32::from(bits)));
        self.check(Column::Ind, |text| number(text, 0, u32::MAX));
        self.check(Column::Delta, |text| number(text, 1, u32::MAX));
        self.check(Column::ResLength, |text| number(text, 4, 16));
        self.check(Column::Lifetime, |text| number(text, 1, MAX_LIFETIME));
        self.check(Column::Uicc, |text| match text {
            "gba" | "gba_u" => Ok(text.into()),
            _ => Err("\"gba\" or \"gba_u\" expected".into()),
        });
    }

    /// The octets of a value that is hex; `None` for a reference.
    pub(super) fn value<const N: usize>(&self, column: Column) -> Option<Secret<N>> {
        let (_, text) = self.values.iter().find(|(c, _)| *c == column)?;
        octets(text)
    }

    /// The HSS reads what would be written: this finds what depends on several cells.
    fn done(mut self) -> Option<Entry> {
        if !self.good {
            return None;
        }
        self.values.sort_by_key(|(column, _)| *column);
        let text = write::toml_of(&self.values);
        let read = Subscribers::parse(text_of(&text), self.keys, Utc(0));
        let impi = match read.map(|all| all.iter().next().map(|s| s.impi().clone())) {
            Ok(impi) => impi?,
            Err(e) => {
                let last = e.key.rsplit('.').next().unwrap_or_default();
                let cell = self.row.cells.iter().find(|(c, _)| name_of(*c) == last);
                let mistake = match cell {
                    Some((_, cell)) => cell.wrong(e.what),
                    None => FileError {
                        place: self.row.at,
                        key: format!("{}.{last}", self.row.key),
                        what: e.what,
                    },
                };
                self.wrong(mistake);
                return None;
            }
        };
        Some(Entry {
            values: self.values,
            impi,
            alone: None,
        })
    }
}

fn imsi(text: &str) -> Checked {
    if text.get(..5).is_some_and(|p| p.eq_ignore_ascii_case("imsi-")) {
        return Err("digits only expected: leave out 'imsi-', which makes a SUPI of it".into());
    }
    if text.contains(['E', 'e', '.']) && text.bytes().all(|b| b.is_ascii_digit() || b"eE.+,".contains(&b)) {
        return Err(
            "digits expected, but a spreadsheet has rounded them: format the column as text there".into(),
        );
    }
    let imsi = text.parse::<Imsi>().map_err(|e| e.to_string())?;
    Ok(imsi.as_str().to_owned())
}

fn number(text: &str, min: u32, max: u32) -> Checked {
    match text.parse::<u32>() {
        Ok(n) if (min..=max).contains(&n) => Ok(n.to_string()),
        _ => Err(format!("a number from {min} to {max} expected")),
    }
}

fn text_of(text: &SecretBytes) -> &str {
    core::str::from_utf8(text.expose()).unwrap_or_default()
}

pub(super) fn octets<const N: usize>(text: &SecretBytes) -> Option<Secret<N>> {
    hex::array(text_of(text)).ok().map(Secret::new)
}
