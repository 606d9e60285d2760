//! The result of a demo: a table for people, one JSON object for machines.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use base::hex;
use comfy_table::{CellAlignment, Table, presets};
use gba::keys::KsNaf;
use lab::{
    report::{KeyPair, Outcome},
    trace::Event,
};
use serde::Serialize;

/// Columns that the table needs.
const TABLE_WIDTH: usize = 100;

/// A key as it is shown: whole only where the user asked for it.
fn shown(key: &KsNaf, secrets: bool) -> String {
    match key.key_for(&key.naf_id().ua()) {
        Ok(octets) if secrets => hex::encode(octets.expose()),
        _ => key.fingerprint(),
    }
}

fn pairs(o: &Outcome) -> [(&'static str, &KeyPair); 3] {
    [
        ("M2M root key", &o.root),
        ("M2M session key", &o.session),
        ("service key", &o.service),
    ]
}

/// The table under the ladder.
pub(crate) fn table(out: &mut dyn Write, o: &Outcome, secrets: bool, width: Option<usize>) -> io::Result<()> {
    let bold = Style::new().bold();
    let mode = if o.mode.name() == "u" {
        "GBA_U, Ks stays in the card"
    } else {
        "GBA_ME, Ks in the device"
    };
    let avs = match o.avs_used {
        1 => "1 authentication vector: every key below comes from one run of AKA".into(),
        n => format!("{n} authentication vectors"),
    };
    writeln!(out)?;
    for (name, value) in [
        ("IMPI", o.impi.to_string()),
        ("MNC", o.mnc.clone()),
        ("B-TID", o.btid.to_string()),
        ("valid until", o.lifetime.to_string()),
        ("mode", mode.into()),
        (
            "key ids",
            "the B-TID is KmID of the root key and KpsaID of the session key (TS-0003)".into(),
        ),
        ("AVs used", avs),
        (
            "time",
            format!(
                "{:.1} ms from the first message to the last",
                o.elapsed.as_secs_f64() * 1000.0
            ),
        ),
    ] {
        writeln!(out, "{bold}{name:>12}{bold:#}  {value}")?;
    }
    writeln!(out)?;

    if width.is_some_and(|w| w < TABLE_WIDTH) {
        narrow(out, o)?;
    } else {
        wide(out, o, width.is_some())?;
    }
    if secrets {
        for (name, pair) in pairs(o) {
            writeln!(out, "{name:>16}  device  {}", shown(&pair.device, true))?;
            writeln!(out, "{:>16}  network {}", "", shown(&pair.network, true))?;
        }
    } else {
        writeln!(
            out,
            "Keys are shown as the first 8 octets of their SHA-256; --show-secrets prints them."
        )?;
    }
    Ok(())
}

fn verdict_of(pair: &KeyPair) -> &'static str {
    if pair.agrees() { "equal" } else { "DIFFER" }
}

fn wide(out: &mut dyn Write, o: &Outcome, terminal: bool) -> io::Result<()> {
    let mut t = Table::new();
    t.load_style(if terminal {
        presets::UTF8_FULL_CONDENSED.with_rounded_corners()
    } else {
        presets::NOTHING
    });
    t.set_header(["key", "NAF", "Ua id", "device", "network", ""]);
    for (name, pair) in pairs(o) {
        t.add_row([
            name.into(),
            pair.naf_id().fqdn().to_string(),
            pair.naf_id().ua().to_string(),
            pair.device.fingerprint(),
            pair.network.fingerprint(),
            verdict_of(pair).to_string(),
        ]);
    }
    if let Some(column) = t.column_mut(5) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out, "{t}")
}

/// For a terminal that the table doesn't fit into.
fn narrow(out: &mut dyn Write, o: &Outcome) -> io::Result<()> {
    for (name, pair) in pairs(o) {
        writeln!(out, "{name:>16}  {} {}", pair.naf_id().fqdn(), pair.naf_id().ua())?;
        let (device, network) = (pair.device.fingerprint(), pair.network.fingerprint());
        writeln!(
            out,
            "{:>16}  device {device}, network {network}: {}",
            "",
            verdict_of(pair)
        )?;
    }
    Ok(())
}

/// The last line: did both ends find the same keys by themselves?
pub(crate) fn verdict(out: &mut dyn Write, refusal: Option<&str>) -> io::Result<()> {
    let (colour, text) = match refusal {
        None => (
            AnsiColor::Green,
            "Device and network computed the same keys by themselves; root and session key differ.",
        ),
        Some(why) => (AnsiColor::Red, why),
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    writeln!(out, "{style}{text}{style:#}")
}

#[derive(Serialize)]
struct Json {
    impi: String,
    btid: String,
    lifetime: String,
    mode: &'static str,
    avs_used: u64,
    elapsed_ms: f64,
    root_key: JsonKey,
    session_key: JsonKey,
    service_key: JsonKey,
    messages: Vec<JsonMessage>,
}

#[derive(Serialize)]
struct JsonKey {
    id: String,
    naf: String,
    ua: String,
    device: String,
    network: String,
}

#[derive(Serialize)]
struct JsonMessage {
    at_us: u64,
    interface: &'static str,
    from: String,
    to: String,
    summary: String,
}

/// One JSON object on one line.
pub(crate) fn json(out: &mut dyn Write, o: &Outcome, secrets: bool) -> io::Result<()> {
    let key = |p: &KeyPair| JsonKey {
        id: o.btid.to_string(),
        naf: p.naf_id().fqdn().to_string(),
        ua: p.naf_id().ua().to_string(),
        device: shown(&p.device, secrets),
        network: shown(&p.network, secrets),
    };
    let message = |e: &Event| JsonMessage {
        at_us: u64::try_from(e.at.as_micros()).unwrap_or(u64::MAX),
        interface: e.interface,
        from: e.from.clone(),
        to: e.to.clone(),
        summary: e.summary.clone(),
    };
    let whole = Json {
        impi: o.impi.to_string(),
        btid: o.btid.to_string(),
        lifetime: o.lifetime.to_string(),
        mode: o.mode.name(),
        avs_used: o.avs_used,
        elapsed_ms: (o.elapsed.as_secs_f64() * 1e6).round() / 1e3,
        root_key: key(&o.root),
        session_key: key(&o.session),
        service_key: key(&o.service),
        messages: o.messages.iter().map(message).collect(),
    };
    serde_json::to_writer(&mut *out, &whole)?;
    writeln!(out)
}
