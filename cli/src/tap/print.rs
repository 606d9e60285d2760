//! What a tap prints: a ladder line for each message, or an object of JSON; a table at the end.

use std::{io::Write as _, net::SocketAddr, time::Duration};

use comfy_table::{Table, presets};
use lab::{
    tap::{
        Direction, Interface,
        engine::Tally,
        proxy::{Event, Proxy, Shown},
    },
    trace,
};
use serde_json::{Value, json};

use crate::ladder::Ladder;

/// Prints to standard output.
pub(super) struct Printer {
    interface: Interface,
    json: bool,
    ladder: Ladder,
}

/// What a tap ends with.
pub(super) struct Report {
    ways: [(Direction, Tally); 2],
    rules: Vec<(String, u64)>,
    connections: u64,
    untold: u64,
}

impl Report {
    pub(super) fn of(proxy: &Proxy) -> Self {
        let engine = proxy.engine();
        let ways = [Direction::ToTarget, Direction::ToListener];
        Self {
            ways: ways.map(|way| (way, engine.tally(way))),
            rules: engine.acted().map(|(name, n)| (name.to_owned(), n)).collect(),
            connections: proxy.connections(),
            untold: proxy.untold(),
        }
    }
}

fn columns(tally: &Tally) -> [(&'static str, u64); 8] {
    [
        ("seen", tally.seen),
        ("matched", tally.matched),
        ("altered", tally.altered),
        ("dropped", tally.dropped),
        ("delayed", tally.delayed),
        ("replayed", tally.replayed),
        ("answered", tally.answered),
        ("closed", tally.closed),
    ]
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

impl Printer {
    pub(super) fn new(interface: Interface, json: bool) -> Self {
        let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
        Self {
            interface,
            json,
            ladder: Ladder::new(width),
        }
    }

    /// Whoever reads may have had enough; a tap goes on.
    fn say(text: &str) {
        let mut out = anstream::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }

    pub(super) fn begin(&self, bound: SocketAddr, target: &str, rules: usize) {
        let name = self.interface.name();
        if self.json {
            let object =
                json!({"listening": bound.to_string(), "interface": name, "target": target, "rules": rules});
            return Self::say(&object.to_string());
        }
        Self::say(&format!("tap {name}: listening on {bound}"));
        let rules = match rules {
            0 => String::new(),
            1 => ", 1 rule".to_owned(),
            n => format!(", {n} rules"),
        };
        Self::say(&format!("tap {name}: to {target}{rules}; Ctrl-C stops"));
        let _ = self.ladder.head(&mut anstream::stdout().lock());
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Note { at, connection, text } if self.json => {
                Self::say(&json!({"ms": ms(*at), "connection": connection, "note": text}).to_string());
            }
            Event::Note { at, connection, text } => {
                Self::say(&format!("{:>8.2}  connection {connection}: {text}", ms(*at)));
            }
            Event::Message(shown) if self.json => Self::say(&object(shown).to_string()),
            Event::Message(shown) => self.message(shown),
        }
    }

    fn message(&self, shown: &Shown) {
        let (from, to) = shown.direction.ends(shown.interface);
        let mut summary = match shown.connection {
            1 => shown.summary.clone(),
            n => format!("#{n} {}", shown.summary),
        };
        if let Some(became) = &shown.became {
            summary = format!("{summary} ⇒ {became}");
        }
        for (rule, did) in &shown.rules {
            summary = format!("{summary} [{rule}: {did}]");
        }
        if let Some(clause) = shown.clause {
            summary = format!("{summary} ({clause})");
        }
        let event = trace::Event {
            at: shown.at,
            interface: shown.interface.name(),
            from: from.into(),
            to: to.into(),
            summary,
            clause: shown.clause,
        };
        let mut out = anstream::stdout().lock();
        // As above.
        let _ = self.ladder.event(&mut out, &event);
        for line in &shown.full {
            let _ = writeln!(out, "{:10}{line}", "");
        }
        let _ = out.flush();
    }

    pub(super) fn end(&mut self, report: &Report) {
        if self.json {
            return Self::say(&summary(report).to_string());
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        let names = columns(&Tally::default()).map(|(name, _)| name);
        table.set_header(std::iter::once(self.interface.name()).chain(names));
        for (way, tally) in &report.ways {
            let (from, to) = way.ends(self.interface);
            let row = columns(tally).map(|(_, n)| n.to_string());
            table.add_row(std::iter::once(format!("{from} → {to}")).chain(row));
        }
        Self::say(&format!("\n{table}"));
        for (name, acted) in &report.rules {
            let times = if *acted == 1 {
                "once".to_owned()
            } else {
                format!("{acted} times")
            };
            Self::say(&format!("rule {name}: {times}"));
        }
        if report.untold > 0 {
            Self::say(&format!(
                "{} lines came faster than they were printed, and are missing",
                report.untold
            ));
        }
    }
}

fn object(shown: &Shown) -> Value {
    let (from, to) = shown.direction.ends(shown.interface);
    let rules: Vec<_> = shown
        .rules
        .iter()
        .map(|(rule, did)| json!({"rule": rule, "did": did}))
        .collect();
    let mut object = json!({
        "ms": ms(shown.at),
        "connection": shown.connection,
        "interface": shown.interface.name(),
        "direction": shown.direction.name(),
        "from": from,
        "to": to,
        "message": shown.name,
        "says": shown.summary,
        "octets": shown.length,
        "rules": rules,
    });
    if let Some(map) = object.as_object_mut() {
        if let Some(became) = &shown.became {
            map.insert("became".into(), json!(became));
        }
        if let Some(clause) = shown.clause {
            map.insert("clause".into(), json!(clause.to_string()));
        }
        if !shown.full.is_empty() {
            map.insert("full".into(), json!(shown.full));
        }
        if let Some(octets) = &shown.octets {
            map.insert("hex".into(), json!(base::hex::encode(octets.expose())));
        }
    }
    object
}

fn summary(report: &Report) -> Value {
    let mut all = serde_json::Map::new();
    for (way, tally) in &report.ways {
        let counts: serde_json::Map<_, _> = columns(tally)
            .into_iter()
            .map(|(name, n)| (name.to_owned(), json!(n)))
            .collect();
        all.insert(way.name().into(), Value::Object(counts));
    }
    let rules: Vec<_> = report
        .rules
        .iter()
        .map(|(name, acted)| json!({"rule": name, "matched": acted}))
        .collect();
    all.insert("rules".into(), json!(rules));
    all.insert("connections".into(), json!(report.connections));
    all.insert("untold".into(), json!(report.untold));
    json!({ "summary": all })
}
