//! `gba card apdu`: commands as they are written.

use std::fmt::Write as _;

use base::{
    apdu::{Command, Response},
    hex,
};
use clap::Args;
use serde_json::json;
use uicc::{Sw, fcp::Fcp, terminal::describe};

use super::{
    Action,
    at::{CardAt, refused},
    files::{Octets, octets},
    tree,
};
use crate::Failure;

/// Instructions of the interindustry class that neither change a card nor can block it (TS 102 221 10.1.2): SELECT, READ,
/// SEARCH, GET and RETRIEVE DATA, GET RESPONSE, GET CHALLENGE, MANAGE CHANNEL.
const HARMLESS: [u8; 11] = [0xa4, 0xb0, 0xb1, 0xb2, 0xb3, 0xa2, 0xca, 0xcb, 0xc0, 0x84, 0x70];
/// The same of class 8X: STATUS, GET and RETRIEVE DATA, GET RESPONSE, TERMINAL CAPABILITY and PROFILE.
const HARMLESS_8X: [u8; 6] = [0xf2, 0xca, 0xcb, 0xc0, 0xaa, 0x10];

/// Whether a command may be sent without a question. In another class an instruction may mean anything.
fn is_harmless(c: &Command) -> bool {
    match c.cla {
        0x00..=0x0f | 0x40..=0x6f => HARMLESS.contains(&c.ins) || is_question(c),
        0x80..=0x8f | 0xc0..=0xef => HARMLESS_8X.contains(&c.ins),
        // The class of SIMs of the second generation.
        0xa0 => HARMLESS.contains(&c.ins) || c.ins == 0xf2,
        _ => false,
    }
}

#[derive(Args)]
pub(crate) struct Apdu {
    /// Commands in hex, one after the other in the same session.
    #[arg(required = true, value_name = "HEX", value_parser = octets)]
    commands: Vec<Octets>,
    /// One answer as it comes: 61xx isn't fetched and 6Cxx not asked again.
    #[arg(long)]
    raw: bool,
}

impl Action for Apdu {
    fn run(&self, at: &mut CardAt) -> Result<(), Failure> {
        let commands: Vec<Command> = self
            .commands
            .iter()
            .map(|Octets(octets)| {
                Command::parse(octets)
                    .map_err(|e| Failure::Unable(format!("{}: {e}", hex::encode(octets).to_uppercase())))
            })
            .collect::<Result<_, _>>()?;
        let changing = |c: &&Command| !is_harmless(c);
        let changes: Vec<String> = commands.iter().filter(changing).map(describe::command).collect();
        if !changes.is_empty() {
            at.confirm(&format!(
                "This may change or block the card: {}",
                changes.join("; ")
            ))?;
        }
        let (mut text, mut objects, mut all) = (String::new(), Vec::new(), true);
        for command in &commands {
            last_try(at, command)?;
            let response = if self.raw {
                at.session.apdu_once(command)
            } else {
                at.session.apdu(command)
            };
            let response = response.map_err(|e| refused(&e))?;
            all &= response.is_success();
            tell(&mut text, command, &response);
            objects.push(json!({
                "command": hex::encode(command.octets()),
                "what": describe::command(command),
                "data": hex::encode(response.data()),
                "sw": format!("{:04X}", response.sw),
                "meaning": Sw(response.sw).meaning(),
            }));
        }
        at.print(&text, &json!(objects))?;
        // Each status word was shown.
        if all { Ok(()) } else { Err(Failure::Shown) }
    }
}

/// VERIFY and UNBLOCK PIN without data only ask for the tries.
fn is_question(c: &Command) -> bool {
    matches!(c.ins, 0x20 | 0x2c) && c.data().is_empty()
}

/// A PIN command that would use up the last try isn't sent without being forced.
fn last_try(at: &mut CardAt, c: &Command) -> Result<(), Failure> {
    if at.force || c.data().is_empty() || !matches!(c.ins, 0x20 | 0x24 | 0x26 | 0x28 | 0x2c) {
        return Ok(());
    }
    // On the command's own channel: another application's PIN may have the same reference.
    let question = Command::new(c.cla, if c.ins == 0x2c { 0x2c } else { 0x20 }, 0x00, c.p2);
    let answer = at.session.apdu(&question).map_err(|e| refused(&e))?;
    match Sw(answer.sw).tries_left() {
        Some(n @ ..=1) => Err(Failure::Refused(format!(
            "{}: only {n} tries are left, so it was not sent (--force sends it)",
            describe::command(c)
        ))),
        _ => Ok(()),
    }
}

fn tell(text: &mut String, command: &Command, response: &Response) {
    let shown = |octets: &[u8]| hex::encode(octets).to_uppercase();
    let _ = writeln!(
        text,
        "> {}  {}",
        shown(&command.octets()),
        describe::command(command)
    );
    if !response.data().is_empty() {
        let _ = writeln!(text, "< {}", shown(response.data()));
    }
    let sw = Sw(response.sw);
    let meaning = sw
        .tries_left()
        .map_or_else(|| sw.meaning().to_owned(), |n| format!("{n} tries left"));
    let _ = writeln!(text, "< {:04X}  {meaning}", response.sw);
    if let (0xa4 | 0xf2, Ok(fcp)) = (command.ins, Fcp::parse(response.data())) {
        let mut parts = vec![tree::kind(&fcp)];
        parts.extend(fcp.fid.map(|fid| format!("FID {fid:04X}")));
        parts.extend(fcp.df_name.as_ref().map(|aid| format!("AID {}", shown(aid))));
        parts.extend(fcp.size.map(|size| format!("{size} octets")));
        let _ = writeln!(text, "  {}", parts.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::open::Opened;

    /// Has one try left on channel 1 and three on the basic one; PINs are wrong.
    struct TwoChannels;

    impl uicc::Card for TwoChannels {
        fn transmit(&mut self, c: &Command) -> Result<Response, uicc::CardError> {
            let left = match (c.cla, c.data().is_empty()) {
                (0x01, true) => 0x63c1,
                (_, true) => 0x63c3,
                (0x01, false) => 0x63c0,
                (_, false) => 0x63c2,
            };
            Ok(Response::status(left))
        }
    }

    #[test]
    fn the_last_try_is_that_of_the_commands_own_channel() {
        let mut at = CardAt::new(Opened {
            card: Box::new(TwoChannels),
            atr: Vec::new(),
            place: String::new(),
        });
        let mut tried = |text: &str| {
            let command = Command::parse(&hex::decode(text).unwrap()).unwrap();
            last_try(&mut at, &command).is_ok()
        };
        assert!(tried("00200081083132333435363738"));
        assert!(!tried("01200081083132333435363738"));
        assert!(!tried(
            "012C0081103132333435363738 3132333435363738"
                .replace(' ', "")
                .as_str()
        ));
        at.force = true;
        let command = Command::parse(&hex::decode("01200081083132333435363738").unwrap()).unwrap();
        assert!(last_try(&mut at, &command).is_ok());
    }

    #[test]
    fn what_may_change_a_card_is_told_from_what_only_asks() {
        let harmless = |text: &str| is_harmless(&Command::parse(&hex::decode(text).unwrap()).unwrap());
        for text in [
            "00A40004023F00",
            "80F2000000",
            "00200001",
            "01B0000000",
            "A0A40000023F00",
            "80CA00E000",
        ] {
            assert!(harmless(text), "{text}");
        }
        // VERIFY, UPDATE, AUTHENTICATE, TERMINATE CARD USAGE, ENVELOPE, STORE DATA, a class of somebody's own.
        for text in [
            "00200001083132333435363738",
            "00D6000001FF",
            "0088008101FF",
            "00FE0000",
            "80C2000001FF",
            "80E2000001FF",
            "90B0000000",
        ] {
            assert!(!harmless(text), "{text}");
        }
    }
}
