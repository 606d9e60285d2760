//! `gba card toolkit`: a handset on a desk, that tells a card what it can do and answers what the card asks for.

use std::fmt::Write as _;

use base::hex;
use clap::Args;
use serde_json::{Value, json};
use uicc::{
    Sw,
    terminal::toolkit::{Handset, Terminal},
    toolkit::{
        Action as Asked, Envelope, Event, Objects, Proactive, TerminalProfile, TerminalResponse, TimerAction,
    },
};

use super::{
    Action,
    at::{CardAt, refused},
    files::{Octets, octets},
};
use crate::Failure;

#[derive(Args)]
pub(crate) struct Toolkit {
    /// What the terminal says it can do, instead of all that is known here.
    #[arg(long, value_name = "HEX", value_parser = octets)]
    profile: Option<Octets>,
    /// Then tell the card that this event happened: its number in hex, such as 05 for the idle screen.
    #[arg(long, value_name = "HEX", value_parser = event)]
    event: Vec<Event>,
    /// Then send this envelope.
    #[arg(long, value_name = "HEX", value_parser = octets)]
    envelope: Vec<Octets>,
    /// IMEI to tell: 15 digits.
    #[arg(long, value_name = "DIGITS", value_parser = imei)]
    imei: Option<[u8; 8]>,
    /// Location information to tell, as TS 102 223 8.19 codes it: 7 or 9 octets.
    #[arg(long, value_name = "HEX", value_parser = octets)]
    location: Option<Octets>,
}

/// Remembers what was asked and answered.
struct Shown {
    handset: Handset,
    text: String,
    asked: Vec<Value>,
}

impl Terminal for Shown {
    fn profile(&self) -> TerminalProfile {
        self.handset.profile()
    }

    fn perform(&mut self, command: &Proactive) -> TerminalResponse {
        let response = self.handset.perform(command);
        // A text of the card with line ends must not look like what it asks for next.
        let what = told(&command.action);
        let _ = writeln!(self.text, "{:3}  {}", command.number, crate::escape::text(&what));
        let _ = writeln!(self.text, "     {}", response.outcome);
        self.asked.push(json!({
            "number": command.number,
            "type": format!("{:02X}", command.action.kind()),
            "what": what,
            "command": command.octets().map(hex::encode).ok(),
            "result": format!("{:02X}", response.outcome.general),
            "meaning": response.outcome.to_string(),
        }));
        response
    }
}

impl Action for Toolkit {
    fn run(&self, at: &mut CardAt) -> Result<(), Failure> {
        let mut envelopes: Vec<Envelope> = Vec::new();
        for event in &self.event {
            envelopes.push(Envelope::EventDownload {
                event: *event,
                objects: Objects::default(),
            });
        }
        for Octets(octets) in &self.envelope {
            let parsed = Envelope::parse(octets);
            envelopes.push(parsed.map_err(|e| Failure::Unable(format!("--envelope: {e}")))?);
        }
        // What an application of the card does then is its own affair.
        at.confirm("A card's toolkit may change the card once it hears what the terminal can do")?;
        let mut handset = Handset {
            imei: self.imei,
            location: self.location.as_ref().map(|Octets(octets)| octets.clone()),
            ..Handset::default()
        };
        if let Some(Octets(octets)) = &self.profile {
            handset.profile = TerminalProfile::new(octets);
        }
        let mut shown = Shown {
            handset,
            text: String::new(),
            asked: Vec::new(),
        };
        let mut commands = at.session.download_profile(&mut shown).map_err(|e| refused(&e))?;
        let mut answers = Vec::new();
        for envelope in &envelopes {
            let octets = hex::encode(envelope.octets()).to_uppercase();
            let _ = writeln!(shown.text, "ENVELOPE {octets}");
            let (response, more) = at
                .session
                .send_envelope(envelope, &mut shown)
                .map_err(|e| refused(&e))?;
            commands += more;
            let data = hex::encode(response.data()).to_uppercase();
            if !data.is_empty() {
                let _ = writeln!(shown.text, "     {data}");
            }
            answers.push(json!({
                "envelope": octets,
                "data": data,
                "sw": format!("{:04X}", response.sw),
                "meaning": Sw(response.sw).meaning(),
            }));
        }
        if commands == 0 {
            shown.text.push_str("the card asks for nothing\n");
        }
        at.print(
            &shown.text,
            &json!({ "commands": shown.asked, "envelopes": answers }),
        )
    }
}

/// What a card asks for, in words.
fn told(action: &Asked) -> String {
    match action {
        Asked::Refresh { mode } => format!("REFRESH {mode:02X}"),
        Asked::MoreTime => "MORE TIME".into(),
        Asked::PollInterval { seconds } => format!("POLL INTERVAL {seconds} s"),
        Asked::PollingOff => "POLLING OFF".into(),
        Asked::SetUpEventList(events) => {
            let all: Vec<_> = events.iter().map(|e| format!("{:02X}", e.0)).collect();
            format!("SET UP EVENT LIST {}", all.join(" "))
        }
        Asked::SendShortMessage { tpdu, .. } => {
            format!("SEND SHORT MESSAGE {}", hex::encode(tpdu).to_uppercase())
        }
        Asked::DisplayText { text, .. } => format!("DISPLAY TEXT \"{text}\""),
        Asked::ProvideLocalInformation(_) => format!("PROVIDE LOCAL INFORMATION {:02X}", action.qualifier()),
        Asked::Timer { timer, action } => match action {
            TimerAction::Start(value) => format!("TIMER MANAGEMENT: start timer {timer}, {}", time(*value)),
            TimerAction::Stop => format!("TIMER MANAGEMENT: stop timer {timer}"),
            TimerAction::CurrentValue => format!("TIMER MANAGEMENT: what is left of timer {timer}"),
        },
        Asked::OpenChannel(channel) => {
            let port = channel.transport.map(|(_, port)| format!(" to port {port}"));
            format!("OPEN CHANNEL{}", port.unwrap_or_default())
        }
        Asked::CloseChannel(channel) => format!("CLOSE CHANNEL {channel}"),
        Asked::ReceiveData { channel, length } => {
            format!("RECEIVE DATA of channel {channel}, {length} octets")
        }
        Asked::SendData { channel, data, .. } => {
            format!("SEND DATA on channel {channel}, {} octets", data.len())
        }
        Asked::ChannelStatus => "GET CHANNEL STATUS".into(),
        Asked::Other { kind, .. } => format!("command of type {kind:02X}"),
    }
}

/// Hours, minutes and seconds in swapped decimal digits.
fn time([h, m, s]: [u8; 3]) -> String {
    let [h, m, s] = [h, m, s].map(|o| o.rotate_left(4));
    format!("{h:02x}:{m:02x}:{s:02x}")
}

fn event(text: &str) -> Result<Event, String> {
    hex::array(text)
        .map(|[number]| Event(number))
        .map_err(|e| e.to_string())
}

/// 15 digits in swapped halves, the first beside a filler that says that their count is odd (TS 102 223 8.20).
fn imei(text: &str) -> Result<[u8; 8], String> {
    let digits: Vec<u8> = text.bytes().map(|b| b.wrapping_sub(b'0')).collect();
    if digits.len() != 15 || digits.iter().any(|d| *d > 9) {
        return Err("15 digits expected".into());
    }
    let mut octets = [0; 8];
    let pairs = core::iter::once(0x0a).chain(digits).collect::<Vec<_>>();
    for (octet, pair) in octets.iter_mut().zip(pairs.chunks(2)) {
        *octet = pair.first().copied().unwrap_or(0) | pair.get(1).copied().unwrap_or(0) << 4;
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_line_ends_is_one_line() {
        let mut shown = Shown {
            handset: Handset::default(),
            text: String::new(),
            asked: Vec::new(),
        };
        // DISPLAY TEXT of a line end, a forged line, and an escape sequence in UCS2.
        let octets = hex::decode(
            "d01a 810301 2100 82028102 8d0f 08 000a 0020 0032 0020 001b 005b 000d"
                .replace(' ', "")
                .as_str(),
        );
        shown.perform(&Proactive::parse(&octets.unwrap()).unwrap());
        assert_eq!(shown.text.lines().count(), 2, "{}", shown.text);
        assert!(!shown.text.contains(['\u{1b}', '\r']), "{}", shown.text);
    }

    #[test]
    fn an_imei_and_a_time_are_coded_as_the_specification_has_them() {
        assert_eq!(
            imei("123456789012347").unwrap(),
            [0x1a, 0x32, 0x54, 0x76, 0x98, 0x10, 0x32, 0x74]
        );
        assert!(imei("12345678901234").is_err() && imei("12345678901234x").is_err());
        assert_eq!(time([0x10, 0x50, 0x95]), "01:05:59");
    }
}
