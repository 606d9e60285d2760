//! Reading a profile's TOML: every mistake with line, column, key and what was expected, never with what stands there,
//! as that may be a key.

use aka::{Sqn, sqn::SqnProfile};
use base::{Secret, SecretBytes, hex};
use gba::ids::MncLength;
use hss::subscribers::{
    FileError, KeySource, document, key as read_key,
    table::{Table, Value, error_at, nearest},
};
use toml::de::DeValue;
use uicc::{
    Pin,
    ef::Iccid,
    fcp::Security,
    software::{
        MacForm, ResForm,
        profile::{AccessRule, ApduAccess, FilePath, KeySpec, LifeCycle, Subscription, Unblock},
    },
};

use super::{
    BUILT_IN, NONE,
    draft::{Draft, GbaDraft, KeySet, Keys, M2m, Operator, OtaAlgorithm, OtaKey, SqnDraft},
    files::{FileDraft, Fill, OPERATIONS, Structure, key_reference, rules},
    path, toolkit,
};
use crate::sim;

/// A file that was read.
pub(crate) struct Read {
    pub(crate) draft: Draft,
    /// The built-in below it.
    pub(crate) base: Option<&'static str>,
    /// Where each of its files stands, for what is seen only once the card is made.
    pub(crate) places: Vec<(FilePath, usize)>,
}

/// Where keys come from, and whether known or bare ones are refused.
pub(crate) struct Source<'a> {
    pub(crate) keys: &'a mut dyn KeySource,
    pub(crate) production: bool,
}

type Result<T, E = FileError> = core::result::Result<T, E>;

/// Reads the text.
///
/// # Errors
/// The first mistake.
pub(crate) fn read(text: &str, source: &mut Source<'_>) -> Result<Read> {
    let document = document(text)?;
    let mut t = Table::new(text, String::new(), 0, document.get_ref());
    let names: Vec<_> = BUILT_IN
        .iter()
        .map(|(name, _)| (*name, *name))
        .chain([(NONE, NONE)])
        .collect();
    let base = word(&mut t, "base", &names)?;
    let mut draft = Draft {
        imsi: parsed(&mut t, "imsi")?,
        iccid: parsed::<Iccid>(&mut t, "iccid")?,
        mnc_length: mnc_length(&mut t)?,
        msisdn: msisdn(&mut t)?,
        gsm: t.flag("gsm")?,
        t0: t.flag("t0")?,
        name: t.text("name")?.map(|name| name.value.to_owned()),
        isim: t.flag("isim")?,
        guard_auts: t.flag("guard_auts")?,
        ara_m: t.flag("ara_m")?,
        ..Draft::default()
    };
    if let Some(mut keys) = t.table("keys")? {
        draft.keys = Some(keys_of(&mut keys, source)?);
        keys.finish()?;
    }
    if let Some(mut sqn) = t.table("sqn")? {
        draft.sqn = Some(sqn_of(&mut sqn)?);
        sqn.finish()?;
    }
    if let Some(mut m2m) = t.table("m2m")? {
        draft.m2m = Some(m2m_of(&mut m2m)?);
        m2m.finish()?;
    }
    for mut rule in t.tables("access_rule")? {
        draft.access_rules.push(access_rule(&mut rule)?);
        rule.finish()?;
    }
    for mut asked in t.tables("toolkit")? {
        draft.toolkit.push(toolkit::scripted(&mut asked)?);
        asked.finish()?;
    }
    if let Some(mut gba) = t.table("gba_u")? {
        draft.gba_u = Some(gba_of(&mut gba)?);
        gba.finish()?;
    }
    for mut pin in t.tables("pin")? {
        let spec = pin_of(&mut pin, source)?;
        let same = |k: &KeySpec| (k.reference, &k.application) == (spec.reference, &spec.application);
        if draft.pins.iter().any(same) {
            return Err(pin.error("key", "named twice"));
        }
        draft.pins.push(spec);
        pin.finish()?;
    }
    for mut set in t.tables("ota")? {
        let read = key_set(&mut set, source)?;
        if draft.ota.iter().any(|s| s.version == read.version) {
            return Err(set.error("version", "named twice"));
        }
        draft.ota.push(read);
        set.finish()?;
    }
    let mut places = Vec::new();
    for mut file in t.tables("file")? {
        let (read, at) = file_of(&mut file)?;
        if places.iter().any(|(path, _)| *path == read.path) {
            return Err(file.error("path", "named twice: one table for each file"));
        }
        places.push((read.path.clone(), at));
        draft.files.push(read);
        file.finish()?;
    }
    t.finish()?;
    Ok(Read { draft, base, places })
}

fn parsed<T: core::str::FromStr<Err: core::fmt::Display>>(
    t: &mut Table<'_, '_>,
    key: &'static str,
) -> Result<Option<T>> {
    let Some(text) = t.text(key)? else {
        return Ok(None);
    };
    text.value
        .parse()
        .map(Some)
        .map_err(|e: T::Err| t.error_about(&text, e.to_string()))
}

/// 0: a card that doesn't say it.
fn mnc_length(t: &mut Table<'_, '_>) -> Result<Option<Option<MncLength>>> {
    match t.number("mnc_length", 0, 3)? {
        None => Ok(None),
        Some(0) => Ok(Some(None)),
        Some(2) => Ok(Some(Some(MncLength::Two))),
        Some(3) => Ok(Some(Some(MncLength::Three))),
        Some(_) => Err(t.error(
            "mnc_length",
            "2 or 3 expected, or 0 for an old card that doesn't say it",
        )),
    }
}

fn msisdn(t: &mut Table<'_, '_>) -> Result<Option<String>> {
    let Some(text) = t.text("msisdn")? else {
        return Ok(None);
    };
    let digits = text.value.strip_prefix('+').unwrap_or(text.value);
    if !(1..=20).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(t.error_about(
            &text,
            "a number such as +491701234567, of at most 20 digits, expected",
        ));
    }
    Ok(Some(digits.into()))
}

/// One of these words.
fn word<T: Copy>(t: &mut Table<'_, '_>, key: &'static str, words: &[(&str, T)]) -> Result<Option<T>> {
    let Some(text) = t.text(key)? else {
        return Ok(None);
    };
    let found = words.iter().find(|(word, _)| *word == text.value);
    found.map(|(_, value)| Some(*value)).ok_or_else(|| {
        let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let near = nearest(text.value, all.iter().copied());
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        t.error_about(&text, format!("{} expected{near}", all.join(", ")))
    })
}

fn octets(t: &Table<'_, '_>, text: &Value<&str>) -> Result<Vec<u8>> {
    let digits: String = text.value.chars().filter(|c| !c.is_whitespace()).collect();
    hex::decode(&digits).map_err(|e| t.error_about(text, e.to_string()))
}

fn secret<const N: usize>(
    t: &mut Table<'_, '_>,
    key: &'static str,
    source: &mut Source<'_>,
) -> Result<Option<Secret<N>>> {
    let Some(text) = t.text(key)? else {
        return Ok(None);
    };
    read_key(text.value, source.production, source.keys)
        .map(Some)
        .map_err(|e| t.error_about(&text, redacted(text.value, &e.to_string())))
}

/// A key of one of these lengths.
fn secret_of(
    t: &mut Table<'_, '_>,
    key: &'static str,
    lengths: &[usize],
    source: &mut Source<'_>,
) -> Result<SecretBytes> {
    let Some(text) = t.text(key)? else {
        return Err(t.error(key, "missing: hex digits, \"@FILE\" or \"env:NAME\" expected"));
    };
    let mut last = String::new();
    for length in lengths {
        let found = match length {
            16 => read_key::<16>(text.value, source.production, source.keys)
                .map(|k| k.expose().as_slice().into()),
            24 => read_key::<24>(text.value, source.production, source.keys)
                .map(|k| k.expose().as_slice().into()),
            _ => read_key::<32>(text.value, source.production, source.keys)
                .map(|k| k.expose().as_slice().into()),
        };
        match found {
            Ok(key) => return Ok(key),
            Err(e) => last = e.to_string(),
        }
    }
    let last = redacted(text.value, &last);
    if lengths.len() > 1 && last.contains("octets") {
        let all: Vec<_> = lengths.iter().map(ToString::to_string).collect();
        return Err(t.error_about(&text, format!("{} octets in hex expected", all.join(" or "))));
    }
    Err(t.error_about(&text, last))
}

/// What an export writes in place of a secret.
pub(crate) const REDACTED: &str = "(secret)";

fn redacted(text: &str, why: &str) -> String {
    if text == REDACTED {
        "this profile was exported without its secrets: put the key in, or export with --secrets".into()
    } else {
        why.into()
    }
}

fn keys_of(t: &mut Table<'_, '_>, source: &mut Source<'_>) -> Result<Keys> {
    let words = [
        ("milenage", sim::Name::Milenage),
        ("tuak", sim::Name::Tuak),
        ("xor", sim::Name::Xor),
    ];
    let name = word(t, "algorithm", &words)?;
    let operator = [
        secret(t, "opc", source)?.map(Operator::Opc),
        secret(t, "op", source)?.map(Operator::Op),
        secret(t, "topc", source)?.map(Operator::Topc),
        secret(t, "top", source)?.map(Operator::Top),
    ];
    let mut operator = operator.into_iter().flatten();
    let operator = match (operator.next(), operator.next()) {
        (Some(_), Some(_)) => return Err(t.error("opc", "one of opc, op, topc and top expected")),
        (one, _) => one.unwrap_or(Operator::None),
    };
    let name = name.unwrap_or(match operator {
        Operator::Topc(_) | Operator::Top(_) => sim::Name::Tuak,
        _ => sim::Name::Milenage,
    });
    let lengths: &[usize] = if name == sim::Name::Tuak { &[16, 32] } else { &[16] };
    let small = |n: u32| usize::try_from(n).ok();
    let keys = Keys {
        name,
        k: secret_of(t, "k", lengths, source)?,
        operator,
        res_length: t.number("res_length", 4, 16)?.and_then(small),
        iterations: t.number("iterations", 1, 255)?.and_then(|n| u8::try_from(n).ok()),
    };
    keys.set().map_err(|e| t.error("", e))?;
    Ok(keys)
}

fn sqn_of(t: &mut Table<'_, '_>) -> Result<SqnDraft> {
    let usual = SqnProfile::default();
    let bits = t.number("ind_bits", 0, u32::from(SqnProfile::MAX_IND_BITS))?;
    let profile = SqnProfile {
        ind_bits: bits.and_then(|n| u8::try_from(n).ok()).unwrap_or(usual.ind_bits),
        delta: t.number("delta", 1, u32::MAX)?.map_or(usual.delta, u64::from),
        l: t.number("l", 0, u32::MAX)?.map(u64::from).filter(|l| *l != 0),
    };
    let sqn = |text: &Value<&str>| {
        text.value.parse::<Sqn>().map_err(|e| {
            (
                text.at,
                text.key.clone(),
                format!("an SQN of 12 hex digits expected ({e})"),
            )
        })
    };
    let mut accepted = Vec::new();
    if let Some(text) = t.text("highest")? {
        let seq = profile.seq(sqn(&text).map_err(|(_, _, e)| t.error_about(&text, e))?);
        let each = (0..1 << profile.ind_bits).filter_map(|ind| Sqn::from_parts(seq, ind, profile.ind_bits));
        accepted.extend(each.filter(|_| seq != 0));
    }
    for text in t.texts("accepted")? {
        accepted.push(sqn(&text).map_err(|(_, _, e)| t.error_about(&text, e))?);
    }
    Ok(SqnDraft { profile, accepted })
}

fn gba_of(t: &mut Table<'_, '_>) -> Result<GbaDraft> {
    let usual = GbaDraft::default();
    let mac = [("star", MacForm::Star), ("plain", MacForm::Plain)];
    let res = [("flipped", ResForm::Flipped), ("plain", ResForm::Plain)];
    let records = t.number("naf_records", 1, 254)?;
    Ok(GbaDraft {
        enabled: t.flag("enabled")?.unwrap_or(usual.enabled),
        mac: word(t, "mac", &mac)?.unwrap_or(usual.mac),
        res: word(t, "res", &res)?.unwrap_or(usual.res),
        wait_for_btid: t.flag("wait_for_btid")?.unwrap_or(usual.wait_for_btid),
        naf_records: records
            .and_then(|n| u8::try_from(n).ok())
            .unwrap_or(usual.naf_records),
    })
}

fn m2m_of(t: &mut Table<'_, '_>) -> Result<M2m> {
    let one = |t: &mut Table<'_, '_>, key| t.text(key).map(|text| text.map(|text| text.value.to_owned()));
    let many = |t: &mut Table<'_, '_>, key| -> Result<Vec<String>> {
        Ok(t.texts(key)?
            .into_iter()
            .map(|text| text.value.to_owned())
            .collect())
    };
    Ok(M2m {
        framework: t.flag("framework")?.unwrap_or(false),
        module: t.flag("module")?.unwrap_or(false),
        subscription: Subscription {
            subscription_id: one(t, "subscription_id")?.unwrap_or_default(),
            provider: one(t, "provider")?.unwrap_or_default(),
            node: one(t, "node")?,
            cse: one(t, "cse")?,
            entities: many(t, "entities")?,
            enrolment: many(t, "enrolment")?,
            in_cses: many(t, "in_cses")?,
            maf: one(t, "maf")?,
        },
    })
}

fn access_rule(t: &mut Table<'_, '_>) -> Result<AccessRule> {
    let aid = match t.text("aid")? {
        None => None,
        Some(text) => Some(path::aid(text.value).ok_or_else(|| {
            t.error_about(
                &text,
                "an AID of 5 to 16 octets in hex expected, or none for every one that no rule names",
            )
        })?),
    };
    let device = match t.text("device")? {
        None => None,
        Some(text) => Some(
            octets(t, &text)
                .ok()
                .filter(|hash| matches!(hash.len(), 20 | 32))
                .ok_or_else(|| {
                    t.error_about(
                        &text,
                        "the hash of a certificate, 20 or 32 octets in hex, expected, or none for all",
                    )
                })?,
        ),
    };
    let words = [("never", false), ("always", true)];
    let filters = t.texts("filters")?;
    let apdu = match word(t, "apdu", &words)? {
        Some(_) if !filters.is_empty() => return Err(t.error("apdu", "apdu or filters expected, not both")),
        Some(true) => ApduAccess::Always,
        Some(false) => ApduAccess::Never,
        None if filters.is_empty() => {
            return Err(t.error("apdu", "missing: never or always expected, or filters"));
        }
        None => {
            let mut all = Vec::new();
            for text in &filters {
                let filter = hex::array(text.value);
                all.push(
                    filter.map_err(|_| t.error_about(text, "header and mask, 8 octets in hex, expected"))?,
                );
            }
            ApduAccess::Filters(all)
        }
    };
    Ok(AccessRule {
        aid,
        device,
        apdu,
        nfc: t.flag("nfc")?,
    })
}

fn pin_of(t: &mut Table<'_, '_>, source: &mut Source<'_>) -> Result<KeySpec> {
    let Some(name) = t.text("key")? else {
        return Err(t.error(
            "key",
            "missing: PIN1, PIN2, UPIN, ADM1 to ADM5 or a reference in hex expected",
        ));
    };
    let reference = key_reference(name.value).ok_or_else(|| {
        t.error_about(
            &name,
            "PIN1, PIN2, UPIN, ADM1 to ADM5 or a reference in hex (TS 102 221 table 9.3) expected",
        )
    })?;
    let value = pin(t, "value", source)?
        .ok_or_else(|| t.error("value", "missing: 4 to 8 digits, or 8 octets in hex, expected"))?;
    let usual = KeySpec::new(reference, value);
    let max_tries = tries(t, "max_tries")?.unwrap_or(usual.max_tries);
    let tries_left = tries(t, "tries")?.unwrap_or(max_tries);
    let application = match t.text("application")? {
        None => None,
        Some(aid) => match path::aid(aid.value) {
            Some(aid) => Some(aid),
            None => return Err(t.error_about(&aid, "USIM, ISIM or an AID of 5 to 16 octets in hex expected")),
        },
    };
    let puk_max = tries(t, "puk_max_tries")?.unwrap_or(10);
    let puk_tries = tries(t, "puk_tries")?.unwrap_or(puk_max);
    let unblock = pin(t, "puk", source)?.map(|value| Unblock {
        value,
        tries: puk_tries,
        max_tries: puk_max,
    });
    Ok(KeySpec {
        application,
        tries: tries_left,
        max_tries,
        unblock,
        enabled: t.flag("enabled")?.unwrap_or(true),
        replaced: t.flag("replaced")?.unwrap_or(false),
        ..usual
    })
}

fn tries(t: &mut Table<'_, '_>, key: &'static str) -> Result<Option<u8>> {
    let min = u32::from(key.contains("max"));
    Ok(t.number(key, min, 15)?.and_then(|n| u8::try_from(n).ok()))
}

fn pin(t: &mut Table<'_, '_>, key: &'static str, source: &mut Source<'_>) -> Result<Option<Pin>> {
    let Some(text) = t.text(key)? else {
        return Ok(None);
    };
    let found = if let Some(name) = text.value.strip_prefix('@') {
        source.keys.file(name, source.production)
    } else if let Some(name) = text.value.strip_prefix("env:") {
        source.keys.environment(name)
    } else {
        Ok(SecretBytes::from(text.value.as_bytes()))
    };
    let found = found.map_err(|e| t.error_about(&text, e.to_string()))?;
    let digits = core::str::from_utf8(found.expose()).unwrap_or_default().trim();
    let pin = match hex::array::<8>(digits) {
        Ok(octets) => Ok(Pin::from_octets(Secret::new(octets))),
        Err(_) => Pin::from_digits(digits),
    };
    pin.map(Some).map_err(|_| {
        t.error_about(
            &text,
            redacted(text.value, "4 to 8 digits, or 8 octets in hex, expected"),
        )
    })
}

fn key_set(t: &mut Table<'_, '_>, source: &mut Source<'_>) -> Result<KeySet> {
    let version = t
        .number("version", 1, 15)?
        .ok_or_else(|| t.error("version", "missing: the number of the key set, 1 to 15, expected"))?;
    let counter = match t.text("counter")? {
        None => 0,
        Some(text) => {
            let octets: [u8; 5] = hex::array(text.value).map_err(|e| t.error_about(&text, e.to_string()))?;
            octets.iter().fold(0, |n, octet| n << 8 | u64::from(*octet))
        }
    };
    let mut tars = Vec::new();
    for text in t.texts("tars")? {
        tars.push(hex::array(text.value).map_err(|e| t.error_about(&text, e.to_string()))?);
    }
    let msl = match t.text("msl")? {
        None => 0x06,
        Some(text) => hex::array::<1>(text.value).map_err(|e| t.error_about(&text, e.to_string()))?[0],
    };
    Ok(KeySet {
        version: u8::try_from(version).unwrap_or(1),
        kic: ota_key(t, "kic", source)?,
        kid: ota_key(t, "kid", source)?,
        counter,
        tars,
        msl,
    })
}

fn ota_key(t: &mut Table<'_, '_>, name: &'static str, source: &mut Source<'_>) -> Result<OtaKey> {
    let Some(mut key) = t.table(name)? else {
        return Err(t.error(name, "missing: { algorithm = \"aes\", key = \"…\" } expected"));
    };
    let words = [("aes", OtaAlgorithm::Aes), ("3des", OtaAlgorithm::TripleDes)];
    let algorithm = word(&mut key, "algorithm", &words)?.unwrap_or(OtaAlgorithm::Aes);
    let read = OtaKey {
        algorithm,
        key: secret_of(&mut key, "key", algorithm.lengths(), source)?,
    };
    key.finish()?;
    Ok(read)
}

fn file_of(t: &mut Table<'_, '_>) -> Result<(FileDraft, usize)> {
    let Some(name) = t.text("path")? else {
        return Err(t.error(
            "path",
            "missing: a path such as ADF.USIM/6F46, 3F00/7F10/6F3A or a name such as EF_SPN expected",
        ));
    };
    let path = path::parse(name.value).map_err(|e| t.error_about(&name, e))?;
    let mut file = FileDraft::new(path);
    let structures = Structure::ALL.map(|s| (s.name(), s));
    file.structure = word(t, "structure", &structures)?;
    file.size = t.number("size", 1, 0xff_ffff)?;
    let small = |n: Option<u32>| n.and_then(|n| u8::try_from(n).ok());
    file.record_length = small(t.number("record_length", 1, 255)?);
    file.record_count = small(t.number("record_count", 1, 254)?);
    file.sfi = small(t.number("sfi", 0, 30)?);
    file.shareable = t.flag("shareable")?;
    let states = [
        ("activated", LifeCycle::Activated),
        ("deactivated", LifeCycle::Deactivated),
        ("creation", LifeCycle::Creation),
        ("initialisation", LifeCycle::Initialisation),
        ("terminated", LifeCycle::Terminated),
    ];
    file.life_cycle = word(t, "life_cycle", &states)?;
    file.security = security(t)?;
    file.fill = fill(t)?;
    Ok((file, name.at))
}

/// `rule = "6F06:3"`, `access = { … }`, or `security = "8C:…"` as hex.
fn security(t: &mut Table<'_, '_>) -> Result<Option<Security>> {
    let rule = match t.text("rule")? {
        None => None,
        Some(text) => {
            let found = text.value.split_once(':').and_then(|(arr, record)| {
                let arr = hex::array(arr).ok().map(u16::from_be_bytes)?;
                let record = record.parse().ok().filter(|r| (1..=254).contains(r))?;
                Some(Security::Referenced { arr, record })
            });
            let what = "an EF_ARR and its record, such as \"6F06:3\", expected";
            Some(found.ok_or_else(|| t.error_about(&text, what))?)
        }
    };
    let own = match t.text("security")? {
        None => None,
        Some(text) => {
            let found = text.value.split_once(':').and_then(|(tag, value)| {
                let [tag] = hex::array::<1>(tag).ok()?;
                let value = hex::decode(value).ok()?;
                Some(Security::Other {
                    tag: tag.into(),
                    value,
                })
            });
            let what = "a tag and its value in hex, such as \"8C:0300\", expected";
            Some(found.ok_or_else(|| t.error_about(&text, what))?)
        }
    };
    let access = match t.table("access")? {
        None => None,
        Some(mut access) => {
            let mut pairs = Vec::new();
            for (name, _) in OPERATIONS {
                if let Some(text) = access.text(name)? {
                    let pair = (name, text.value);
                    rules(&[pair]).map_err(|e| access.error_about(&text, e))?;
                    pairs.push(pair);
                }
            }
            let made = rules(&pairs).map_err(|e| access.error("", e))?;
            access.finish()?;
            Some(made)
        }
    };
    let mut all = [rule, own, access].into_iter().flatten();
    match (all.next(), all.next()) {
        (_, Some(_)) => Err(t.error("rule", "one of rule, access and security expected")),
        (one, None) => Ok(one),
    }
}

fn fill(t: &mut Table<'_, '_>) -> Result<Option<Fill>> {
    let given_hex = t.text("hex")?;
    let text = t.text("text")?;
    let records = t.any("records");
    let objects = t.any("objects");
    let said = [
        given_hex.is_some(),
        text.is_some(),
        records.is_some(),
        objects.is_some(),
    ];
    if said.into_iter().filter(|s| *s).count() > 1 {
        return Err(t.error("hex", "one of hex, text, records and objects expected"));
    }
    if let Some(digits) = given_hex {
        return octets(t, &digits).map(|o| Some(Fill::Octets(o)));
    }
    if let Some(text) = text {
        return Ok(Some(Fill::Octets(text.value.as_bytes().to_vec())));
    }
    if let Some(list) = records {
        let list = list
            .value
            .as_array()
            .ok_or_else(|| t.error_about(&list, "a list of records in hex expected"))?;
        let mut records = Vec::new();
        for item in list.iter() {
            records.push(octets(t, &item_of(t, item, "records")?)?);
        }
        return Ok(Some(Fill::Records(records)));
    }
    if let Some(list) = objects {
        let what = "a list of data objects in hex, tag, length and value each, expected";
        let list = list.value.as_array().ok_or_else(|| t.error_about(&list, what))?;
        let mut objects = Vec::new();
        for item in list.iter() {
            let item = item_of(t, item, "objects")?;
            let octets = octets(t, &item)?;
            match base::tlv::read_all(&octets).as_deref() {
                Ok([one]) => objects.push((one.tag, one.value.to_vec())),
                _ => return Err(t.error_about(&item, "one data object expected: tag, length, value")),
            }
        }
        return Ok(Some(Fill::Objects(objects)));
    }
    Ok(None)
}

fn item_of<'t>(t: &Table<'_, '_>, item: &'t toml::Spanned<DeValue<'_>>, key: &str) -> Result<Value<&'t str>> {
    let value = Value {
        value: "",
        key: key.into(),
        at: item.span().start,
    };
    match item.get_ref().as_str() {
        Some(text) => Ok(Value { value: text, ..value }),
        None => Err(t.error_about(&value, "hex digits in quotes expected")),
    }
}

/// A mistake that is seen only once the card is made.
pub(crate) fn late(text: &str, places: &[(FilePath, usize)], path: &FilePath, what: String) -> FileError {
    let found = (1..).zip(places).find(|(_, (p, _))| p == path);
    match found {
        Some((n, (_, at))) => error_at(text, *at, format!("file[{n}]"), what),
        // Not of this text: one of a built-in profile below it.
        None => error_at(text, 0, format!("file {path}"), what),
    }
}
