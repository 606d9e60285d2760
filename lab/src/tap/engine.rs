//! The rules at work, without sockets or clock: [`Engine::judge`] says what becomes of a message.
//!
//! Rules are tried in their order, and each one that matches acts: those that show, alter, delay and replay let the next ones
//! see the message (altered, if it was); one that drops, answers or closes is the last.

use std::time::Duration;

use base::{Entropy as _, SeededEntropy};
use diameter::Origin;

use super::{
    Content, Direction, Passing,
    alter::alter,
    answer, avps,
    rule::{Action, Answer, Kind, Match, Rules, Wanted},
    say,
};

/// What is to be done with a message.
pub struct Judgement {
    /// Which rules matched, and what each did, in their order.
    pub marks: Vec<Mark>,
    /// What becomes of it.
    pub fate: Fate,
    /// The message as it is after the rules, if one changed it.
    pub altered: Option<Passing>,
    /// How long it is held.
    pub delay: Duration,
    /// How often it is sent again: each time so long after the one before.
    pub replays: Vec<Duration>,
}

/// What becomes of a message.
pub enum Fate {
    /// It goes on.
    Pass,
    /// It doesn't.
    Drop,
    /// It doesn't, and this goes to who awaits an answer: back for a request, on in place of an answer.
    Answer(Vec<u8>),
    /// Both connections are closed.
    Close,
}

/// A rule that matched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mark {
    /// Its place in the file, from 0.
    pub rule: usize,
    /// What it did, in words.
    pub did: String,
}

/// How often things happened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Messages.
    pub seen: u64,
    /// For which a rule matched.
    pub matched: u64,
    /// Changed.
    pub altered: u64,
    /// Not passed on.
    pub dropped: u64,
    /// Held.
    pub delayed: u64,
    /// Sent again.
    pub replayed: u64,
    /// Answered by us.
    pub answered: u64,
    /// With which the connection was closed.
    pub closed: u64,
}

/// Rules with what they have counted.
pub struct Engine {
    rules: Rules,
    random: SeededEntropy,
    /// How often all but nth, every and probability was true, by rule.
    met: Vec<u32>,
    /// How often each rule acted.
    acted: Vec<u64>,
    to_target: Tally,
    to_listener: Tally,
}

impl Engine {
    /// Before the first message.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            random: SeededEntropy::new(rules.seed),
            met: vec![0; rules.rules.len()],
            acted: vec![0; rules.rules.len()],
            to_target: Tally::default(),
            to_listener: Tally::default(),
            rules,
        }
    }

    /// What became of the messages that went that way.
    #[must_use]
    pub const fn tally(&self, direction: Direction) -> Tally {
        match direction {
            Direction::ToTarget => self.to_target,
            Direction::ToListener => self.to_listener,
        }
    }

    /// Each rule's name, and how often it acted.
    pub fn acted(&self) -> impl Iterator<Item = (&str, u64)> {
        self.rules
            .rules
            .iter()
            .map(|rule| rule.name.as_str())
            .zip(self.acted.iter().copied())
    }

    /// The name of a rule.
    #[must_use]
    pub fn name(&self, rule: usize) -> &str {
        self.rules.rules.get(rule).map_or("", |rule| &rule.name)
    }

    /// What becomes of a message. `answerer` is who would have answered it, for an answer of our own.
    pub fn judge(&mut self, direction: Direction, passing: &Passing, answerer: Option<&Origin>) -> Judgement {
        let mut out = Judgement {
            marks: Vec::new(),
            fate: Fate::Pass,
            altered: None,
            delay: Duration::ZERO,
            replays: Vec::new(),
        };
        let mut now = Tally {
            seen: 1,
            ..Tally::default()
        };
        for n in 0..self.rules.rules.len() {
            let current = out.altered.as_ref().unwrap_or(passing);
            if !self.applies(n, direction, current) {
                continue;
            }
            let Some(rule) = self.rules.rules.get(n) else {
                break;
            };
            now.matched = 1;
            if let Some(acted) = self.acted.get_mut(n) {
                *acted = acted.saturating_add(1);
            }
            let did = match &rule.action {
                Action::Show => "shown".to_owned(),
                Action::Alter(steps) => {
                    let (octets, did) = alter(current, steps);
                    if octets != current.octets() {
                        out.altered = Some(current.altered(octets));
                        now.altered = 1;
                    }
                    did
                }
                Action::Delay(delay) => {
                    out.delay = out.delay.saturating_add(*delay);
                    now.delayed = 1;
                    format!("held {}", said(*delay))
                }
                Action::Replay { times, after } => {
                    for _ in 0..*times {
                        out.replays.push(*after);
                    }
                    now.replayed = now.replayed.saturating_add(u64::from(*times));
                    let after = if after.is_zero() {
                        String::new()
                    } else {
                        format!(" after {}", said(*after))
                    };
                    format!(
                        "sent {times} more time{}{after}",
                        if *times == 1 { "" } else { "s" }
                    )
                }
                Action::Drop => {
                    out.fate = Fate::Drop;
                    now.dropped = 1;
                    "dropped".to_owned()
                }
                Action::Close => {
                    out.fate = Fate::Close;
                    now.closed = 1;
                    "connection closed".to_owned()
                }
                Action::Answer(answer) => match answer::to(current, answer, answerer) {
                    Some(octets) => {
                        out.fate = Fate::Answer(octets);
                        now.answered = 1;
                        match answer {
                            Answer::Diameter { code, .. } => format!("answered {code} by the tap"),
                            Answer::Http { status, .. } => format!("answered {status} by the tap"),
                        }
                    }
                    None => "not answered: no message to answer".to_owned(),
                },
            };
            out.marks.push(Mark { rule: n, did });
            if !matches!(out.fate, Fate::Pass) {
                break;
            }
        }
        let tally = match direction {
            Direction::ToTarget => &mut self.to_target,
            Direction::ToListener => &mut self.to_listener,
        };
        tally.add(now);
        out
    }

    fn applies(&mut self, n: usize, direction: Direction, passing: &Passing) -> bool {
        let Some(rule) = self.rules.rules.get(n) else {
            return false;
        };
        if rule.direction.is_some_and(|wanted| wanted != direction) || !fits(&rule.matches, passing) {
            return false;
        }
        let Some(met) = self.met.get_mut(n) else {
            return false;
        };
        *met = met.saturating_add(1);
        let Match {
            nth,
            every,
            probability,
            ..
        } = rule.matches;
        let lucky = probability.is_none_or(|limit| {
            // A seeded sequence never fails.
            let drawn = self.random.array().map(u32::from_be_bytes).unwrap_or(u32::MAX);
            limit == u32::MAX || drawn < limit
        });
        nth.is_none_or(|nth| *met == nth) && every.is_none_or(|every| *met % every.max(1) == 0) && lucky
    }
}

impl Tally {
    /// Puts both together.
    pub const fn add(&mut self, more: Self) {
        self.seen += more.seen;
        self.matched += more.matched;
        self.altered += more.altered;
        self.dropped += more.dropped;
        self.delayed += more.delayed;
        self.replayed += more.replayed;
        self.answered += more.answered;
        self.closed += more.closed;
    }
}

/// `2 s`, `1.5 s`, `200 ms`.
fn said(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{} s", time.as_secs_f64())
    }
}

/// All but nth, every and probability.
fn fits(wanted: &Match, passing: &Passing) -> bool {
    let octets = passing.octets();
    let (request, command, parts) = match passing.content() {
        Content::Diameter(header, _) => (Some(header.is_request()), Some(header.command), None),
        Content::Http(parts) => (Some(parts.is_request()), None, Some(parts)),
        Content::Tls(_) | Content::Opaque(_) => (None, None, None),
    };
    let kind = wanted.kind.as_ref().is_none_or(|kind| match kind {
        Kind::Request => request == Some(true),
        Kind::Response => request == Some(false),
        Kind::Octets => request.is_none(),
        Kind::Named(name) => say::name(passing) == *name,
    });
    let number = |wanted: Option<u32>, is: Option<u32>| wanted.is_none_or(|wanted| is == Some(wanted));
    let text =
        |wanted: &Option<String>, is: Option<&str>| wanted.as_deref().is_none_or(|wanted| is == Some(wanted));
    let status = parts.filter(|p| !p.is_request()).and_then(|p| p.status(octets));
    let target = parts.and_then(|p| p.target(octets));
    let path = target.map(|target| target.split(['?', '#']).next().unwrap_or_default());
    kind && number(wanted.command, command)
        && number(wanted.status, status.map(u32::from))
        && text(&wanted.method, parts.and_then(|p| p.method(octets)))
        && text(&wanted.path, path)
        && wanted.headers.iter().all(|(name, wanted)| {
            let mut fields = parts
                .into_iter()
                .flat_map(|p| p.named(octets, name))
                .filter_map(|f| octets.get(f.value.clone()));
            match wanted {
                Wanted::There => fields.next().is_some(),
                Wanted::Absent => fields.next().is_none(),
                Wanted::Value(part) => {
                    fields.any(|value| part.is_empty() || value.windows(part.len()).any(|w| w == part))
                }
            }
        })
        && (wanted.avps.is_empty() || {
            let places = match passing.content() {
                Content::Diameter(..) => avps::places(octets),
                _ => Vec::new(),
            };
            wanted.avps.iter().all(|(name, wanted)| {
                let mut values = places
                    .iter()
                    .filter(|place| place.path.ends_with(&name.path))
                    .filter_map(|place| octets.get(place.value.clone()));
                match wanted {
                    Wanted::There => values.next().is_some(),
                    Wanted::Absent => values.next().is_none(),
                    Wanted::Value(value) => values.any(|is| is == value),
                }
            })
        })
}
