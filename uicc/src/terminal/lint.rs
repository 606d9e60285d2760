//! What makes a card unsafe, as checks that each say why they matter. They look from outside, as an attacker does: what
//! only the keys of an administrator would show isn't claimed.

use aka::{AlgorithmSet, Rand};
use base::{apdu::Command, tlv};

use crate::{Card, names};

use super::{
    KeyRef, Path, PinState, ProbeError, Search, Session, UsimError,
    ota::{Heard, Packet},
    rules::{Need, Operation},
};

/// A check.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// It sends short messages as an attacker would.
    pub probes: bool,
}

/// K in specifications and on test cards.
pub const PUBLISHED_KEY: Check = Check {
    name: "published-key",
    why: "a card whose K and OPc are printed in a specification can be cloned by everybody",
    probes: false,
};
/// Weak key sets.
pub const WEAK_KEYSET: Check = Check {
    name: "weak-keyset",
    why: "a 56-bit DES key is found in minutes from one signed answer, and then everything on the card is open",
    probes: false,
};
/// Files that everybody may write.
pub const FREE_UPDATE: Check = Check {
    name: "free-update",
    why: "a file that may be written without PIN or code can be changed by any program in the device",
    probes: false,
};
/// PIN switched off.
pub const PIN_OFF: Check = Check {
    name: "pin-off",
    why: "without a PIN a stolen card authenticates for whoever has it",
    probes: false,
};
/// Answers to forged packets.
pub const SIGNED_ERROR: Check = Check {
    name: "signed-error",
    why: "a card that signs its answer to a forged message gives the attacker a plain text and its checksum, from \
          which a weak key is found",
    probes: true,
};
/// Applications without security.
pub const OPEN_APPLICATION: Check = Check {
    name: "open-application",
    why: "an application that takes messages without security can be driven by anybody who can send the card an SMS",
    probes: true,
};
/// Lengths that don't fit.
pub const PADDING: Check = Check {
    name: "padding-counter",
    why: "a padding counter larger than the data must be refused: a card that cuts by it reads beyond its message",
    probes: true,
};
/// Parts of different messages.
pub const MIXED_PARTS: Check = Check {
    name: "mixed-parts",
    why: "parts with different references belong to different messages, and must never be joined",
    probes: true,
};

/// All checks, in the order in which they are made.
pub const CHECKS: [Check; 8] = [
    PUBLISHED_KEY,
    WEAK_KEYSET,
    FREE_UPDATE,
    PIN_OFF,
    SIGNED_ERROR,
    OPEN_APPLICATION,
    PADDING,
    MIXED_PARTS,
];

/// How a check came out.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Nothing wrong was found.
    Ok,
    /// It couldn't be looked at.
    NotChecked,
    /// Worth a thought.
    Warning,
    /// Unsafe.
    Error,
}

/// What a check found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// How it came out.
    pub level: Level,
    /// What was found.
    pub found: String,
}

/// Keys that everybody knows, and where they are printed.
pub struct Published {
    /// The algorithm with its keys.
    pub keys: AlgorithmSet,
    /// Where they stand.
    pub source: String,
}

/// Applications that are asked without security (TS 101 220 annex D, and what is known of cards in the field).
const TARS: [([u8; 3], &str); 9] = [
    ([0x00, 0x00, 0x00], "card manager"),
    ([0xb0, 0x00, 0x00], "remote files, UICC"),
    ([0xb0, 0x00, 0x01], "remote files, UICC 1"),
    ([0xb0, 0x00, 0x10], "remote files, SIM"),
    ([0xb0, 0x00, 0x11], "remote files, USIM"),
    ([0xb0, 0x01, 0x20], "remote files, UICC of TS.48"),
    ([0xb2, 0x01, 0x00], "HTTP administration"),
    ([0x50, 0x53, 0x54], "S@T browser"),
    ([0x57, 0x49, 0x42], "wireless browser"),
];

/// User data header of a command packet.
const COMMAND: [u8; 2] = [0x70, 0x00];

impl<C: Card> Session<C> {
    /// Makes the checks; those that send short messages only with `probe`.
    ///
    /// # Errors
    /// [`UsimError`] where the card doesn't answer.
    pub fn lint(
        &mut self,
        published: &[Published],
        rand: &Rand,
        probe: bool,
    ) -> Result<Vec<Finding>, UsimError> {
        let mut out = vec![
            self.published_key(published, rand)?,
            self.weak_keyset()?,
            self.free_update()?,
            self.pin_off()?,
        ];
        if !probe {
            out.extend(CHECKS.iter().filter(|c| c.probes).map(|c| Finding {
                check: *c,
                level: Level::NotChecked,
                found: "sends short messages to the card, which it may count: --probe does it".to_owned(),
            }));
            return Ok(out);
        }
        self.announce_sms()?;
        out.push(self.signed_error()?);
        out.push(self.open_application()?);
        out.push(self.padding()?);
        out.push(self.mixed_parts()?);
        Ok(out)
    }

    /// Row 38 of docs/bad-input.md.
    fn published_key(&mut self, published: &[Published], rand: &Rand) -> Result<Finding, UsimError> {
        if let Err(e) = self.select(&Path::usim()) {
            return not_checked(PUBLISHED_KEY, e);
        }
        for candidate in published {
            match self.probe_sqn(&candidate.keys, rand) {
                Ok(_) | Err(ProbeError::BadAuts) => {
                    return Ok(Finding {
                        check: PUBLISHED_KEY,
                        level: Level::Error,
                        found: format!("the card's keys are those of {}", candidate.source),
                    });
                }
                Err(ProbeError::WrongKeys) => {}
                Err(ProbeError::Card(e)) => return not_checked(PUBLISHED_KEY, e),
            }
        }
        let n = published.len();
        Ok(ok(
            PUBLISHED_KEY,
            format!("none of {n} published keys is the card's"),
        ))
    }

    /// GET DATA of the key information template (tag E0) of the issuer security domain.
    /// Row 34 of docs/bad-input.md.
    fn weak_keyset(&mut self) -> Result<Finding, UsimError> {
        let isd = Path::application(&names::ISD_AID);
        if let Err(e) = self.select(&isd) {
            return not_checked(WEAK_KEYSET, e);
        }
        let response = self.apdu(&Command::new(0x80, 0xca, 0x00, 0xe0).with_le(0))?;
        let template = tlv::find(response.data(), 0xe0).ok().flatten();
        let Some(template) = template.filter(|_| response.is_success()) else {
            return Ok(unknown(WEAK_KEYSET, "the card doesn't tell its key sets"));
        };
        let keys = tlv::read_all(template.value).unwrap_or_default();
        let mut weak = Vec::new();
        for key in &keys {
            // C0 L: key, version, then type and length of each part. 80 to 84 are DES.
            let ([number, version, rest @ ..], 0xc0) = (key.value, key.tag) else {
                continue;
            };
            for [kind, length] in rest.as_chunks::<2>().0 {
                if matches!(kind, 0x80..=0x84) && *length == 8 {
                    weak.push(format!("key {number} of set {version}"));
                }
            }
        }
        if weak.is_empty() {
            return Ok(ok(WEAK_KEYSET, format!("{} keys, none of 56 bits", keys.len())));
        }
        Ok(error(WEAK_KEYSET, format!("DES of 56 bits: {}", weak.join(", "))))
    }

    fn free_update(&mut self) -> Result<Finding, UsimError> {
        let roots = self.tree(Search::Known, &mut |_| {})?;
        let (mut free, mut files) = (Vec::new(), 0_usize);
        for root in &roots {
            root.walk(&mut |node, _| {
                if node.is_directory() {
                    return;
                }
                files += 1;
                if node
                    .rules
                    .as_ref()
                    .is_some_and(|r| r.need(Operation::Update) == Need::Always)
                {
                    free.push(node.path.to_string());
                }
            });
        }
        if free.is_empty() {
            return Ok(ok(FREE_UPDATE, format!("none of {files} files")));
        }
        Ok(Finding {
            check: FREE_UPDATE,
            level: Level::Warning,
            found: free.join(", "),
        })
    }

    fn pin_off(&mut self) -> Result<Finding, UsimError> {
        if let Err(e) = self.select(&Path::usim()) {
            return not_checked(PIN_OFF, e);
        }
        let state = self.pin_state(KeyRef::PIN1)?;
        Ok(Finding {
            check: PIN_OFF,
            level: match state {
                PinState::Disabled => Level::Warning,
                PinState::Absent | PinState::Other(_) => Level::NotChecked,
                _ => Level::Ok,
            },
            found: format!("PIN 1: {state}"),
        })
    }

    /// Row 33 of docs/bad-input.md.
    fn signed_error(&mut self) -> Result<Finding, UsimError> {
        let mut heard = Vec::new();
        for (tar, name) in TARS {
            let answer = self.sms(&COMMAND, &Packet::badly_signed(tar).octets())?;
            if let Some(sw) = takes_none(answer) {
                return Ok(unknown(
                    SIGNED_ERROR,
                    &format!("the card takes no short messages ({sw})"),
                ));
            }
            match answer {
                Heard::Por(por) if por.signed => {
                    return Ok(error(
                        SIGNED_ERROR,
                        format!(
                            "{name}: status {:02X} ({}), with a checksum",
                            por.status,
                            por.meaning()
                        ),
                    ));
                }
                Heard::Por(por) => heard.push(format!("{:02X} ({})", por.status, por.meaning())),
                Heard::Octets(n) => heard.push(format!("{n} octets that can't be read")),
                Heard::Silent(_) => {}
            }
        }
        heard.dedup();
        Ok(ok(
            SIGNED_ERROR,
            if heard.is_empty() {
                "silence".to_owned()
            } else {
                format!("unsigned: {}", heard.join(", "))
            },
        ))
    }

    /// Row 35 of docs/bad-input.md.
    fn open_application(&mut self) -> Result<Finding, UsimError> {
        let mut open = Vec::new();
        for (tar, name) in TARS {
            match self.sms(&COMMAND, &Packet::open(tar).octets())? {
                Heard::Por(por) if por.status == 0 => open.push(name),
                answer => {
                    if let Some(sw) = takes_none(answer) {
                        return Ok(unknown(
                            OPEN_APPLICATION,
                            &format!("the card takes no short messages ({sw})"),
                        ));
                    }
                }
            }
        }
        if open.is_empty() {
            return Ok(ok(OPEN_APPLICATION, format!("none of {}", TARS.len())));
        }
        Ok(error(OPEN_APPLICATION, open.join(", ")))
    }

    /// Row 36 of docs/bad-input.md.
    fn padding(&mut self) -> Result<Finding, UsimError> {
        let mut taken = Vec::new();
        for (tar, name) in TARS {
            let packet = Packet {
                pcntr: 0xff,
                ..Packet::open(tar)
            };
            let answer = self.sms(&COMMAND, &packet.octets())?;
            if let Some(sw) = takes_none(answer) {
                return Ok(unknown(
                    PADDING,
                    &format!("the card takes no short messages ({sw})"),
                ));
            }
            if matches!(answer, Heard::Por(por) if por.status == 0) {
                taken.push(name);
            }
        }
        if taken.is_empty() {
            return Ok(ok(PADDING, "refused".to_owned()));
        }
        Ok(error(PADDING, format!("taken by {}", taken.join(", "))))
    }

    /// Part 1 of message 1, then part 2 of message 2.
    /// Row 37 of docs/bad-input.md.
    fn mixed_parts(&mut self) -> Result<Finding, UsimError> {
        let packet = Packet::open([0xb0, 0x00, 0x00]).octets();
        let (first, second) = packet.split_at(packet.len() / 2);
        let one = self.sms(&[0x00, 0x03, 0x01, 0x02, 0x01, 0x70, 0x00], first)?;
        let two = self.sms(&[0x00, 0x03, 0x02, 0x02, 0x02], second)?;
        if let Some(sw) = takes_none(one) {
            return Ok(unknown(
                MIXED_PARTS,
                &format!("the card takes no short messages ({sw})"),
            ));
        }
        Ok(match two {
            Heard::Por(por) => error(
                MIXED_PARTS,
                format!("joined: status {:02X} ({})", por.status, por.meaning()),
            ),
            _ => ok(MIXED_PARTS, "not joined".to_owned()),
        })
    }
}

/// A card that doesn't know ENVELOPE or short messages at all.
const fn takes_none(answer: Heard) -> Option<crate::Sw> {
    match answer {
        Heard::Silent(sw) if matches!(sw.0, 0x6d00 | 0x6e00 | 0x6a81 | 0x6985) => Some(sw),
        _ => None,
    }
}

fn ok(check: Check, found: String) -> Finding {
    Finding {
        check,
        level: Level::Ok,
        found,
    }
}

fn error(check: Check, found: String) -> Finding {
    Finding {
        check,
        level: Level::Error,
        found,
    }
}

fn unknown(check: Check, why: &str) -> Finding {
    Finding {
        check,
        level: Level::NotChecked,
        found: why.to_owned(),
    }
}

/// What the card refused can't be looked at; a card that doesn't answer ends it all.
fn not_checked(check: Check, e: UsimError) -> Result<Finding, UsimError> {
    match e {
        e @ (UsimError::Card(_) | UsimError::Endless { .. }) => Err(e),
        e => Ok(unknown(check, &e.to_string())),
    }
}
