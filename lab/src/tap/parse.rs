//! The file of rules: [`EXAMPLE`] shows all that may stand in it. Each mistake has its line, column and key and says what was
//! expected; the text that stands there is never repeated, as it may be a key.

mod values;

use std::time::Duration;

use diameter::{Avp, grammar, result::ResultCode};
use hss::subscribers::{
    FileError, document,
    table::{Table, Value, nearest},
};

use self::values::{avp_name, duration, header_name, octets};
use super::{
    Direction, Interface,
    rule::{
        Action, Answer, AvpName, Kind, MAX_DELAY, MAX_RULES, MAX_STEPS, MAX_TIMES, Match, Rule, Rules, Step,
        Target, Wanted,
    },
};

/// A file with everything that may stand in one, commented.
pub const EXAMPLE: &str = include_str!("example.toml");

/// Octets of a file.
pub const MAX_FILE: usize = 1 << 20;

const ACTIONS: [&str; 7] = ["show", "alter", "drop", "delay", "replay", "answer", "close"];

/// Reads the rules for one reference point; those for another are checked and left out.
///
/// # Errors
/// The first mistake, with its place.
pub fn rules(text: &str, interface: Interface) -> Result<Rules, FileError> {
    let document = document(text)?;
    let mut root = Table::new(text, String::new(), 0, document.get_ref());
    if text.len() > MAX_FILE {
        return Err(root.error("the file", "at most 1 MiB expected"));
    }
    let seed = root.number("seed", 0, u32::MAX)?.unwrap_or_default();
    let tables = root.tables("rule")?;
    if tables.len() > MAX_RULES {
        return Err(root.error("rule", format!("at most {MAX_RULES} rules expected")));
    }
    let mut rules = Vec::new();
    for (n, table) in tables.into_iter().enumerate() {
        let (on, rule) = one(table, n, interface)?;
        if on == interface {
            rules.push(rule);
        }
    }
    root.finish()?;
    Ok(Rules {
        interface,
        seed: seed.into(),
        rules,
    })
}

type Read<T> = Result<T, FileError>;

/// The one of these words that stands there.
fn word<'w>(t: &mut Table<'_, '_>, key: &'static str, words: &[&'w str]) -> Read<Option<&'w str>> {
    let Some(text) = t.text(key)? else { return Ok(None) };
    match words.iter().find(|word| **word == text.value) {
        Some(word) => Ok(Some(word)),
        None => {
            let known = words.join(", ");
            let near = nearest(text.value, words.iter().copied());
            let hint = near
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            Err(t.error_about(&text, format!("one of {known} expected{hint}")))
        }
    }
}

fn one(mut t: Table<'_, '_>, n: usize, interface: Interface) -> Read<(Interface, Rule)> {
    let name = t.text("name")?.map(|text| text.value.to_owned());
    let all = [Interface::Ub, Interface::Zh, Interface::Zn, Interface::Ua];
    let on = match word(&mut t, "interface", &["ub", "zh", "zn", "ua"])? {
        Some(word) => all
            .into_iter()
            .find(|i| i.name().eq_ignore_ascii_case(word))
            .unwrap_or(interface),
        None => interface,
    };
    let directions = [Direction::ToTarget, Direction::ToListener];
    let direction = word(&mut t, "direction", &directions.map(Direction::name))?;
    let direction = direction.and_then(|word| directions.into_iter().find(|d| d.name() == word));
    let matches = match t.table("match")? {
        Some(table) => matches(table, on)?,
        None => Match::default(),
    };
    let Some(action) = word(&mut t, "action", &ACTIONS)? else {
        return Err(t.error(
            "action",
            format!("missing: one of {} expected", ACTIONS.join(", ")),
        ));
    };
    let action = match action {
        "alter" => Action::Alter(steps(&mut t, on)?),
        "drop" => Action::Drop,
        "delay" => match time(&mut t, "delay")? {
            Some(delay) => Action::Delay(delay),
            None => return Err(t.error("delay", "missing: a time such as \"2s\" expected")),
        },
        "replay" => Action::Replay {
            times: t.number("times", 1, MAX_TIMES)?.unwrap_or(1),
            after: time(&mut t, "after")?.unwrap_or_default(),
        },
        "answer" => Action::Answer(answer(&mut t, on)?),
        "close" => Action::Close,
        _ => Action::Show,
    };
    t.finish()?;
    let rule = Rule {
        name: name.unwrap_or_else(|| format!("rule {}", n + 1)),
        direction,
        matches,
        action,
    };
    Ok((on, rule))
}

fn time(t: &mut Table<'_, '_>, key: &'static str) -> Read<Option<Duration>> {
    let Some(text) = t.text(key)? else { return Ok(None) };
    match duration(text.value).filter(|time| *time <= MAX_DELAY) {
        Some(time) => Ok(Some(time)),
        None => Err(t.error_about(
            &text,
            "a time such as \"200ms\", \"2s\" or \"1m\", at most an hour, expected",
        )),
    }
}

fn answer(t: &mut Table<'_, '_>, on: Interface) -> Read<Answer> {
    if !on.is_diameter() {
        let status = t.number("answer", 200, 599)?;
        let Some(status) = status.and_then(|status| u16::try_from(status).ok()) else {
            return Err(t.error("answer", "missing: a status from 200 to 599 expected"));
        };
        let body = t
            .text("body")?
            .map(|text| text.value.to_owned())
            .unwrap_or_default();
        return Ok(Answer::Http { status, body });
    }
    let Some(code) = t.number("answer", 1, u32::MAX)? else {
        return Err(t.error("answer", "missing: a Result-Code expected"));
    };
    let vendor = t.number("vendor", 0, u32::MAX)?.unwrap_or_else(|| {
        // 5401 and its like are 3GPP's, and of no use as a Result-Code.
        let vendor = diameter::dictionary::TGPP;
        let known = ResultCode::Experimental { vendor, code }.name().is_some();
        if known { vendor } else { 0 }
    });
    Ok(Answer::Diameter { vendor, code })
}

fn matches(mut t: Table<'_, '_>, on: Interface) -> Read<Match> {
    let mut m = Match::default();
    if on.is_diameter() {
        let mut words = vec!["request", "response", "answer", "octets"];
        words.extend(grammar::COMMANDS.iter().flat_map(|g| [g.short.0, g.short.1]));
        m.kind = word(&mut t, "message", &words)?.map(|word| match word {
            "request" => Kind::Request,
            "response" | "answer" => Kind::Response,
            "octets" => Kind::Octets,
            name => Kind::Named(name),
        });
        m.command = t.number("command", 0, 0x00ff_ffff)?;
        if let Some(avps) = t.table("avp")? {
            for (name, value) in avps.all() {
                let name_of = avp_name(name.value).map_err(|e| t.error_about(&name, e))?;
                let wanted =
                    wanted(&value, |v| octets(name_of.def(), v)).map_err(|e| t.error_about(&value, e))?;
                m.avps.push((name_of, wanted));
            }
        }
    } else {
        m.kind = word(&mut t, "message", &["request", "response", "octets"])?.map(|word| match word {
            "request" => Kind::Request,
            "response" => Kind::Response,
            _ => Kind::Octets,
        });
        m.status = t.number("status", 100, 999)?;
        m.method = t.text("method")?.map(|text| text.value.to_owned());
        m.path = t.text("path")?.map(|text| text.value.to_owned());
        if let Some(headers) = t.table("header")? {
            for (name, value) in headers.all() {
                let name_of = header_name(name.value).map_err(|e| t.error_about(&name, e))?;
                let wanted = wanted(&value, |v| {
                    v.as_str()
                        .map(|text| text.as_bytes().to_vec())
                        .ok_or_else(|| "a text in quotes, true or false expected".to_owned())
                })
                .map_err(|e| t.error_about(&value, e))?;
                m.headers.push((name_of, wanted));
            }
        }
    }
    m.nth = t.number("nth", 1, u32::MAX)?;
    m.every = t.number("every", 1, u32::MAX)?;
    if let Some(value) = t.any("probability") {
        let share = match value.value {
            toml::de::DeValue::Float(float) => float.as_str().parse::<f64>().ok(),
            toml::de::DeValue::Integer(whole) => whole.as_str().parse::<f64>().ok(),
            _ => None,
        };
        let Some(share) = share.filter(|share| (0.0..=1.0).contains(share)) else {
            return Err(t.error_about(&value, "a number from 0.0 to 1.0 expected"));
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to the largest number"
        )]
        let limit = (share * f64::from(u32::MAX)) as u32;
        m.probability = Some(limit);
    }
    t.finish()?;
    Ok(m)
}

fn wanted(
    value: &Value<&toml::de::DeValue<'_>>,
    read: impl FnOnce(&toml::de::DeValue<'_>) -> Result<Vec<u8>, String>,
) -> Result<Wanted, String> {
    match value.value.as_bool() {
        Some(true) => Ok(Wanted::There),
        Some(false) => Ok(Wanted::Absent),
        None => read(value.value).map(Wanted::Value),
    }
}

fn steps(t: &mut Table<'_, '_>, on: Interface) -> Read<Vec<Step>> {
    let tables = t.tables("alter")?;
    if tables.is_empty() || tables.len() > MAX_STEPS {
        let what = "a list of changes, such as [{ set = \"Result-Code\", value = 5012 }], expected";
        return Err(t.error("alter", format!("1 to {MAX_STEPS}: {what}")));
    }
    tables.into_iter().map(|table| step(table, on)).collect()
}

/// What a change is about: the text of one of its keys.
fn about<'t>(t: &mut Table<'t, '_>, keys: &[&'static str]) -> Read<(&'static str, Value<&'t str>)> {
    let mut found = None;
    for key in keys {
        if let Some(text) = t.text(key)? {
            if found.is_some() {
                return Err(t.error_about(&text, format!("one of {} expected, not two", keys.join(", "))));
            }
            found = Some((*key, text));
        }
    }
    found.ok_or_else(|| t.error("", format!("one of {} expected", keys.join(", "))))
}

fn text_value(t: &mut Table<'_, '_>) -> Read<String> {
    let Some(text) = t.text("value")? else {
        return Err(t.error("value", "missing: a text in quotes expected"));
    };
    if text.value.bytes().any(|b| b.is_ascii_control()) {
        return Err(t.error_about(&text, "a text without line ends and control characters expected"));
    }
    Ok(text.value.to_owned())
}

fn avp(t: &Table<'_, '_>, name: &Value<&str>) -> Read<AvpName> {
    avp_name(name.value).map_err(|e| t.error_about(name, e))
}

fn avp_value(t: &mut Table<'_, '_>, name: &AvpName) -> Read<Vec<u8>> {
    let Some(value) = t.any("value") else {
        return Err(t.error("value", "missing: the AVP's value expected"));
    };
    octets(name.def(), value.value).map_err(|e| t.error_about(&value, e))
}

fn step(mut t: Table<'_, '_>, on: Interface) -> Read<Step> {
    let step = if on.is_diameter() {
        let (what, name) = about(&mut t, &["set", "remove", "add", "flip"])?;
        match what {
            "flip" if name.value == "message" => flip(&mut t, Target::Message)?,
            "flip" => {
                let at = Target::Avp(avp(&t, &name)?);
                flip(&mut t, at)?
            }
            "remove" => Step::RemoveAvp(avp(&t, &name)?),
            "set" => {
                let name = avp(&t, &name)?;
                let value = avp_value(&mut t, &name)?;
                Step::SetAvp(name, value)
            }
            _ => add_avp(&mut t, &name)?,
        }
    } else {
        let (what, name) = about(&mut t, &["set", "remove", "add", "flip", "replace"])?;
        match (what, name.value) {
            ("flip", "message") => flip(&mut t, Target::Message)?,
            ("flip", "body") => flip(&mut t, Target::Body)?,
            ("set", "body") => {
                let Some(body) = t.text("value")? else {
                    return Err(t.error("value", "missing: a text in quotes expected"));
                };
                Step::SetBody(body.value.as_bytes().to_vec())
            }
            ("set", "status") => match t.number("value", 100, 999)?.and_then(|n| u16::try_from(n).ok()) {
                Some(status) => Step::SetStatus(status),
                None => return Err(t.error("value", "missing: a status from 100 to 999 expected")),
            },
            ("replace", find) => {
                if find.is_empty() {
                    return Err(t.error_about(&name, "a text that isn't empty expected"));
                }
                let Some(with) = t.text("with")? else {
                    return Err(t.error("with", "missing: the text that takes its place expected"));
                };
                Step::Replace(find.to_owned(), with.value.to_owned())
            }
            _ => {
                let header = header_name(name.value).map_err(|e| t.error_about(&name, e))?;
                match what {
                    "flip" => {
                        let parameter = t.text("parameter")?.map(|text| text.value.to_owned());
                        flip(&mut t, Target::Header(header, parameter))?
                    }
                    "remove" => Step::RemoveHeader(header),
                    "set" => Step::SetHeader(header, text_value(&mut t)?),
                    _ => Step::AddHeader(header, text_value(&mut t)?),
                }
            }
        }
    };
    t.finish()?;
    Ok(step)
}

fn flip(t: &mut Table<'_, '_>, at: Target) -> Read<Step> {
    let Some(octet) = t.number("octet", 0, 1 << 24)? else {
        return Err(t.error("octet", "missing: which octet, from 0, expected"));
    };
    let bits = t.number("bits", 1, 255)?.unwrap_or(1);
    Ok(Step::Flip {
        at,
        octet: usize::try_from(octet).unwrap_or(usize::MAX),
        bits: u8::try_from(bits).unwrap_or(u8::MAX),
    })
}

fn add_avp(t: &mut Table<'_, '_>, name: &Value<&str>) -> Read<Step> {
    let named = avp(t, name)?;
    let value = avp_value(t, &named)?;
    let within = match t.text("within")? {
        Some(group) => Some(avp(t, &group)?),
        None => None,
    };
    let mandatory = t
        .flag("mandatory")?
        .unwrap_or_else(|| named.def().is_some_and(|def| def.mandatory));
    let Some((vendor, code)) = named.path.last().copied() else {
        return Err(t.error_about(name, "an AVP expected"));
    };
    let flags = if mandatory { Avp::MANDATORY } else { 0 };
    let mut octets = Vec::new();
    Avp::raw(code, vendor, flags, value).encode_into(&mut octets);
    Ok(Step::AddAvp {
        name: named.text,
        octets,
        within,
    })
}
