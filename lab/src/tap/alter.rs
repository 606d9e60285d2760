//! Changes to the octets of a message: what isn't named stays as it came.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    Content, Passing,
    avps::{self, Place},
    http::Parts,
    rule::{AvpName, Step, Target},
};

/// The octets after all steps, and in words what was done.
pub(super) fn alter(passing: &Passing, steps: &[Step]) -> (Vec<u8>, String) {
    let mut said = String::new();
    let mut current: Option<Passing> = None;
    for step in steps {
        let now = current.as_ref().unwrap_or(passing);
        let (octets, did) = one(now, step);
        let between = if said.is_empty() { "" } else { ", " };
        let _ = write!(said, "{between}{did}");
        if let Some(octets) = octets {
            current = Some(now.altered(octets));
        }
    }
    let octets = current.as_ref().unwrap_or(passing).octets().to_vec();
    (octets, said)
}

/// `None` where nothing was changed, and why.
fn one(passing: &Passing, step: &Step) -> (Option<Vec<u8>>, String) {
    let octets = passing.octets();
    let changed = match (step, passing.content()) {
        (Step::Flip { at, octet, bits }, content) => flip(octets, content, at, *octet, *bits),
        (Step::SetAvp(name, value), Content::Diameter(..)) => {
            each(octets, name, |message, place| avps::set(message, place, value))
                .map(|octets| (octets, format!("{} set", name.text)))
        }
        (Step::RemoveAvp(name), Content::Diameter(..)) => each(octets, name, |message, place| {
            avps::splice(message, &place.groups, place.start..place.end, &[])
        })
        .map(|octets| (octets, format!("{} removed", name.text))),
        (
            Step::AddAvp {
                name,
                octets: avp,
                within,
            },
            Content::Diameter(..),
        ) => match within {
            None => {
                let mut message = octets.to_vec();
                let end = message.len();
                avps::splice(&mut message, &[], end..end, avp).then_some(message)
            }
            Some(group) => each(octets, group, |message, place| {
                let mut groups = place.groups.clone();
                groups.push(place.start);
                avps::splice(message, &groups, place.value.end..place.value.end, avp)
            }),
        }
        .map(|octets| (octets, format!("{name} added"))),
        (Step::SetHeader(name, value), Content::Http(parts)) => {
            let places: Vec<_> = parts.named(octets, name).map(|f| f.value.clone()).collect();
            spliced(octets, places, value.as_bytes()).map(|octets| (octets, format!("{name} set")))
        }
        (Step::RemoveHeader(name), Content::Http(parts)) => {
            let places: Vec<_> = parts.named(octets, name).map(|f| parts.line(octets, f)).collect();
            spliced(octets, places, b"").map(|octets| (octets, format!("{name} removed")))
        }
        (Step::AddHeader(name, value), Content::Http(parts)) => {
            let line = format!("{name}: {value}\r\n");
            spliced(octets, vec![parts.end_of_fields(octets)], line.as_bytes())
                .map(|octets| (octets, format!("{name} added")))
        }
        (Step::SetStatus(status), Content::Http(parts)) => {
            let place = parts.status_place().into_iter().collect();
            spliced(octets, place, status.to_string().as_bytes())
                .map(|octets| (octets, format!("status {status}")))
        }
        (Step::SetBody(body), Content::Http(parts)) => {
            Some((parts.with_body(octets, body), "body set".to_owned()))
        }
        (Step::Replace(find, with), Content::Http(parts)) => {
            replace(octets, parts, find.as_bytes(), with.as_bytes())
                .map(|octets| (octets, "body altered".to_owned()))
        }
        _ => None,
    };
    match changed {
        Some((octets, did)) => (Some(octets), did),
        None => (None, format!("{} isn't there", named(step))),
    }
}

fn named(step: &Step) -> &str {
    match step {
        Step::SetAvp(name, _) | Step::RemoveAvp(name) => &name.text,
        Step::AddAvp {
            within: Some(name), ..
        } => &name.text,
        Step::AddAvp { within: None, .. } => "a Diameter message",
        Step::SetHeader(name, _) | Step::RemoveHeader(name) => name,
        Step::AddHeader(..) | Step::SetBody(_) => "an HTTP message",
        Step::SetStatus(_) => "a status",
        Step::Replace(..) => "the text",
        Step::Flip { at, .. } => match at {
            Target::Avp(name) => &name.text,
            Target::Header(name, _) => name,
            Target::Body => "that octet of the body",
            Target::Message => "that octet",
        },
    }
}

/// Does something to each AVP of that name, from the last to the first, so that places stay right.
fn each(
    octets: &[u8],
    name: &AvpName,
    mut change: impl FnMut(&mut Vec<u8>, &Place) -> bool,
) -> Option<Vec<u8>> {
    let mut message = octets.to_vec();
    let mut any = false;
    let mut places = avps::places(octets);
    places.retain(|place| place.path.ends_with(&name.path));
    for place in places.iter().rev() {
        any |= change(&mut message, place);
    }
    any.then_some(message)
}

/// Puts `new` in each of these places, which ascend.
fn spliced(octets: &[u8], places: Vec<std::ops::Range<usize>>, new: &[u8]) -> Option<Vec<u8>> {
    let mut message = octets.to_vec();
    let any = !places.is_empty();
    for place in places.into_iter().rev() {
        message.splice(place, new.iter().copied());
    }
    any.then_some(message)
}

fn replace(octets: &[u8], parts: &Parts, find: &[u8], with: &[u8]) -> Option<Vec<u8>> {
    let body = parts.body(octets);
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body.as_slice();
    let mut any = false;
    while let Some(at) = rest.windows(find.len().max(1)).position(|w| w == find) {
        let (before, behind) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(with);
        rest = behind.get(find.len()..).unwrap_or_default();
        any = true;
    }
    out.extend_from_slice(rest);
    (any && out.len() <= net::http::MAX_BODY).then(|| parts.with_body(octets, &out))
}

fn flip(octets: &[u8], content: &Content, at: &Target, octet: usize, bits: u8) -> Option<(Vec<u8>, String)> {
    let mut message = octets.to_vec();
    let where_in =
        |range: std::ops::Range<usize>| range.start.checked_add(octet).filter(|at| range.contains(at));
    let (place, what) = match (at, content) {
        (Target::Avp(name), Content::Diameter(..)) => {
            let all = avps::places(octets);
            let place = all.iter().find(|place| place.path.ends_with(&name.path))?;
            (where_in(place.value.clone())?, name.text.as_str())
        }
        (Target::Header(name, None), Content::Http(parts)) => {
            let field = parts.named(octets, name).next()?;
            (where_in(field.value.clone())?, name.as_str())
        }
        (Target::Header(name, Some(parameter)), Content::Http(parts)) => {
            let field = parts.named(octets, name).next()?;
            let place = parameter_of(octets.get(field.value.clone())?, parameter)?;
            let place = field.value.start + place.start..field.value.start + place.end;
            let mut inside = BASE64_STANDARD.decode(octets.get(place.clone())?).ok()?;
            *inside.get_mut(octet)? ^= bits;
            message.splice(place, BASE64_STANDARD.encode(inside).into_bytes());
            return Some((message, format!("octet {octet} of {parameter} flipped")));
        }
        (Target::Body, Content::Http(parts)) => {
            let mut left = octet;
            let mut found = None;
            for piece in parts.body_places() {
                if left < piece.len() {
                    found = Some(piece.start + left);
                    break;
                }
                left -= piece.len();
            }
            (found?, "body")
        }
        (Target::Message, _) => (where_in(0..octets.len())?, "the message"),
        _ => return None,
    };
    *message.get_mut(place)? ^= bits;
    Some((message, format!("octet {octet} of {what} flipped")))
}

/// Where the value of a parameter such as `nonce="…"` stands in a header field.
fn parameter_of(value: &[u8], name: &str) -> Option<std::ops::Range<usize>> {
    let text = std::str::from_utf8(value).ok()?;
    let lower = text.to_ascii_lowercase();
    let wanted = format!("{}=", name.to_ascii_lowercase());
    let at = lower
        .match_indices(&wanted)
        .find(|(at, _)| {
            let before = lower.get(..*at).and_then(|t| t.chars().next_back());
            before.is_none_or(|c| matches!(c, ' ' | ',' | '\t'))
        })
        .map(|(at, _)| at + wanted.len())?;
    let rest = text.get(at..)?;
    match rest.strip_prefix('"') {
        Some(inside) => Some(at + 1..at + 1 + inside.find('"')?),
        None => Some(at..at + rest.find([',', ' ']).unwrap_or(rest.len())),
    }
}
