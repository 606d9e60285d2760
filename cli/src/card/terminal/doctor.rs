//! `gba card doctor`: from the PC/SC service to the form of GBA, whether a card is fit, and what to do where it isn't.

use clap::Args as ClapArgs;
use uicc::{
    ef::{GbaBp, services},
    names,
    software::MacForm,
    terminal::{Content, KeyRef, PinState, SqnState, atr::Checksum},
};

use super::{
    at::{CardAt, Common},
    info::{self, Application},
    keyed, list,
};
use crate::{
    Failure,
    doctor::{Line, report},
    sim::SimArgs,
};

#[derive(ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    common: Common,
    /// The card's keys, if they are known: then which forms of AUTN and RES its GBA_U has is asked as well.
    #[command(flatten)]
    sim: SimArgs,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let json = args.common.json();
    let mut lines = Vec::new();
    let served = !args.common.is_reader() || service(&mut lines);
    match args.common.open(Some(&args.sim)) {
        Ok(mut at) => card(&mut at, &args.sim, &mut lines)?,
        // Without the service there is no card, which needs no telling.
        Err(Failure::Refused(_) | Failure::Unable(_)) if !served => {}
        Err(Failure::Refused(why) | Failure::Unable(why)) => lines.push(Line::failed(
            "card",
            why,
            "gba card list shows which readers have a card and which are in use; --card names another",
        )),
        Err(Failure::Shown) => return Err(Failure::Shown),
    }
    report(&lines, json)
}

/// Whether the PC/SC service answers.
fn service(lines: &mut Vec<Line>) -> bool {
    match list::readers() {
        Ok(readers) => {
            lines.push(Line::ok("PC/SC service", "answers"));
            let full = readers.iter().filter(|r| r.card).count();
            let names: Vec<String> = readers
                .iter()
                .enumerate()
                .map(|(n, r)| format!("pcsc:{n} {}", r.name))
                .collect();
            let found = format!(
                "{}, {full} of them with a card: {}",
                readers.len(),
                names.join(", ")
            );
            lines.push(match (readers.len(), full) {
                (0, _) => Line::failed(
                    "readers",
                    "none",
                    "plug a reader in; dmesg and pcsc_scan show what the system sees",
                ),
                (_, 0) => Line::failed("readers", found, "put a card in, contacts down"),
                _ => Line::ok("readers", found),
            });
            true
        }
        Err(why) => {
            lines.push(Line::failed(
                "PC/SC service",
                why,
                "start it: systemctl start pcscd; without one, --card software:gba needs no reader",
            ));
            false
        }
    }
}

fn card(at: &mut CardAt, sim: &SimArgs, lines: &mut Vec<Line>) -> Result<(), Failure> {
    lines.push(Line::ok("card", at.place.clone()));
    let known = match info::known(at) {
        Ok(known) => known,
        Err(Failure::Refused(why) | Failure::Unable(why)) => {
            lines.push(Line::failed(
                "card",
                why,
                "take it out, put it in again, and try once more",
            ));
            return Ok(());
        }
        Err(e) => return Err(e),
    };
    let text = info::atr_text(&at.atr, known.atr.as_ref());
    lines.push(match &known.atr {
        None => Line::warning("ATR", text, "the reader or the card is faulty, or it is no UICC"),
        Some(atr) if matches!(atr.checksum, Checksum::Wrong | Checksum::Missing) => Line::warning(
            "ATR",
            text,
            "readers may refuse a card whose check octet is wrong",
        ),
        Some(_) => Line::ok("ATR", text),
    });
    match &known.iccid {
        Ok(iccid) => lines.push(Line::ok("ICCID", iccid.as_str())),
        Err(e) => lines.push(Line::warning(
            "ICCID",
            e.to_string(),
            "keys are bound to it, so it must be readable",
        )),
    }
    let names: Vec<String> = known
        .applications
        .iter()
        .map(|a| {
            a.name
                .map_or_else(|| base::hex::encode(&a.aid).to_uppercase(), str::to_owned)
        })
        .collect();
    let usim = known.applications.iter().find(|a| a.name == Some("USIM"));
    lines.push(match usim {
        Some(_) => Line::ok("applications", names.join(", ")),
        None => Line::failed(
            "applications",
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            },
            "GBA needs a USIM; a SIM of the second generation has none",
        ),
    });
    for application in known
        .applications
        .iter()
        .filter(|a| a.services.is_some() || a.name == Some("USIM"))
    {
        of_application(application, lines);
    }
    if let Some(usim) = usim {
        gba(at, usim, sim, lines);
    }
    Ok(())
}

fn of_application(a: &Application, lines: &mut Vec<Line>) {
    let name = a.name.unwrap_or("application");
    if let Err(e) = &a.selected {
        lines.push(Line::failed(
            name,
            e.to_string(),
            "EF_DIR names an application that the card doesn't have",
        ));
        return;
    }
    if let Some((_, state)) = a.pins.iter().find(|(key, _)| *key == KeyRef::PIN1) {
        lines.push(match state {
            PinState::Tries(..=1) => Line::failed(
                format!("{name} PIN 1"),
                state.to_string(),
                "one more wrong PIN blocks it; have the PUK at hand",
            ),
            // Of a PIN that is verified a card may tell the tries as well.
            PinState::Tries(_) if a.services.is_some() => {
                Line::ok(format!("{name} PIN 1"), format!("{state}; its files can be read"))
            }
            PinState::Tries(_) => Line::warning(
                format!("{name} PIN 1"),
                state.to_string(),
                "give it with --pin -, or switch it off: gba card pin disable",
            ),
            PinState::Blocked => Line::failed(
                format!("{name} PIN 1"),
                "blocked",
                "gba card pin unblock --value - --new - with the PUK",
            ),
            other => Line::ok(format!("{name} PIN 1"), other.to_string()),
        });
    }
    match &a.imsi {
        Ok(None) => {}
        Ok(Some((imsi, mnc))) => {
            lines.push(Line::ok(
                format!("{name} IMSI"),
                format!("{} (MNC {mnc})", imsi.as_str()),
            ));
        }
        Err(e) => lines.push(Line::warning(
            format!("{name} IMSI"),
            e.to_string(),
            "the IMPI is made of it: verify the PIN with --pin -",
        )),
    }
    match &a.services {
        Some(table) => lines.push(Line::ok(
            format!("{name} services"),
            format!("{} on", table.numbers().count()),
        )),
        None => lines.push(Line::warning(
            format!("{name} services"),
            "the service table can't be read",
            "verify the PIN with --pin -",
        )),
    }
}

/// Which form of GBA, and how its run stands.
fn gba(at: &mut CardAt, usim: &Application, sim: &SimArgs, lines: &mut Vec<Line>) {
    let Some(table) = &usim.services else { return };
    if !table.has(services::GBA) {
        lines.push(Line::ok(
            "GBA",
            "GBA_ME: no service 68, so CK and IK go to the device (AUTHENTICATE P2 = 81)",
        ));
    } else {
        lines.push(Line::ok(
            "GBA",
            "GBA_U: service 68, so Ks stays in the card (AUTHENTICATE P2 = 84), and the HSS must have uiccType GBA_U",
        ));
        let file = usim.path.child(names::EF_GBABP);
        lines.push(match at.session.read(&file) {
            Ok((_, Content::Transparent(octets))) => match GbaBp::parse(&octets) {
                Ok(bp) => match bp.usable(net::clock::now().utc) {
                    Ok((_, btid, until)) => {
                        Line::ok("EF_GBABP", format!("a run of {}, until {until}", btid.as_str()))
                    }
                    Err(why) => Line::ok("EF_GBABP", format!("{} octets; {why}", octets.len())),
                },
                Err(e) => Line::warning("EF_GBABP", e.to_string(), "the next bootstrapping writes it anew"),
            },
            Ok(_) => Line::failed(
                "EF_GBABP",
                "isn't a transparent file",
                "GBA_U can't store its B-TID: another card",
            ),
            Err(e) => Line::failed(
                "EF_GBABP",
                e.to_string(),
                "GBA_U can't store its B-TID: verify the PIN with --pin -, or take another card",
            ),
        });
    }
    if sim.k.is_none() {
        lines.push(Line::ok(
            "forms",
            "AUTN* or AUTN, flipped or plain RES: told only with the card's keys (--k, --opc)",
        ));
        return;
    }
    match keyed::forms(at, sim, table.has(services::GBA)) {
        Ok((state, form)) => {
            lines.push(match state {
                SqnState::At(_) => Line::ok(
                    "keys",
                    format!("are the card's; SQN {}", keyed::state_text(state)),
                ),
                SqnState::Unchecked => Line::warning(
                    "keys",
                    "are the card's, but it doesn't check SQN",
                    "a card that takes an old SQN takes a replayed vector: for laboratories only",
                ),
            });
            match form {
                Some(MacForm::Star) => lines.push(Line::ok("AUTN", "AUTN*, as the standard has it")),
                Some(MacForm::Plain) => lines.push(Line::warning(
                    "AUTN",
                    "plain AUTN",
                    "set gba_u.mac = \"plain\" at the BSF; gba card derive tells the form of RES",
                )),
                None => {}
            }
        }
        Err(Failure::Refused(why) | Failure::Unable(why)) => {
            lines.push(Line::failed(
                "keys",
                why,
                "check K, then OPc or OP, then the algorithm",
            ));
        }
        Err(Failure::Shown) => {}
    }
}
