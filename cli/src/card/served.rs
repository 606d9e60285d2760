//! A software card as a reader's frames reach it, and whoever watches.

use base::{
    SecretBytes,
    apdu::{Command, Response},
};
use uicc::{Sw, atr, software::SoftCard, terminal::describe};

use super::{frames::Control, gsmtap::Gsmtap, serve::say};
use crate::escape;

/// A card, its number among those served, and what is told of it.
pub(super) struct Served {
    pub(super) number: u8,
    pub(super) card: SoftCard,
    pub(super) trace: bool,
    pub(super) gsmtap: Option<Gsmtap>,
    /// Whether administrative codes may be used: not over TCP, unless somebody said so (ruling 36).
    pub(super) administered: bool,
    /// Commands so far.
    pub(super) commands: u64,
    /// Said 61xx: what was asked and what came of the answer, until the rest is fetched.
    begun: Option<(Command, Response)>,
}

impl Served {
    pub(super) const fn new(number: u8, card: SoftCard, trace: bool, gsmtap: Option<Gsmtap>) -> Self {
        Self {
            number,
            card,
            trace,
            gsmtap,
            administered: true,
            commands: 0,
            begun: None,
        }
    }

    /// Power off and on.
    pub(super) fn reset(&mut self) {
        self.card.reset();
        self.begun = None;
    }

    /// What a frame is answered with: power and reset have no answer.
    pub(super) fn answer(&mut self, frame: &[u8]) -> Option<SecretBytes> {
        let Some(control) = Control::of(frame) else {
            return Some(self.exchange(frame));
        };
        match control {
            Control::Atr => return Some(SecretBytes::from(&atr::SOFTWARE[..])),
            Control::PowerOff | Control::PowerOn | Control::Reset => self.reset(),
        }
        if self.trace {
            let what = match control {
                Control::PowerOff => "power off",
                Control::PowerOn => "power on",
                _ => "reset",
            };
            say(&format!("card {}: {what}", self.number));
        }
        None
    }

    fn exchange(&mut self, frame: &[u8]) -> SecretBytes {
        self.commands += 1;
        let answer = if !self.administered && uses_an_administrative_code(frame) {
            Response::status(Sw::SECURITY.0).octets()
        } else {
            self.card.exchange(frame)
        };
        let answer = SecretBytes::new(answer);
        if self.trace || self.gsmtap.is_some() {
            self.show(frame, answer.expose());
        }
        answer
    }

    fn show(&mut self, frame: &[u8], answer: &[u8]) {
        let (Ok(command), Ok(response)) = (Command::parse(frame), Response::parse(answer)) else {
            if self.trace {
                say(&format!(
                    "card {}: {} octets that are no command → 6700",
                    self.number,
                    frame.len()
                ));
            }
            return;
        };
        if let Some(gsmtap) = &mut self.gsmtap {
            gsmtap.send(self.number, &command, answer);
        }
        if self.trace {
            self.tell(command, response);
        }
    }

    /// A command and what GET RESPONSE fetches later is one line.
    fn tell(&mut self, command: Command, response: Response) {
        let (command, response) = match self.begun.take() {
            Some((first, so_far)) if command.ins == GET_RESPONSE => {
                // GET RESPONSE again with the right length.
                if response.sw >> 8 == 0x6c {
                    self.begun = Some((first, so_far));
                    return;
                }
                let all = [so_far.data(), response.data()].concat();
                (first, Response::new(all, response.sw))
            }
            _ => (command, response),
        };
        if response.sw >> 8 == 0x61 {
            self.begun = Some((command, response));
            return;
        }
        let line = describe(&command, &response);
        say(&format!("card {}: {}", self.number, escape::text(&line)));
    }
}

const GET_RESPONSE: u8 = 0xc0;

/// A PIN command of an ADM, global or an application's (TS 102 221 table 9.3).
fn uses_an_administrative_code(frame: &[u8]) -> bool {
    matches!(frame, [_, 0x20 | 0x24 | 0x26 | 0x28 | 0x2c, _, reference, ..] if matches!(reference & 0x7f, 0x0a..=0x0e))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::card::soft::{self, SoftArgs};

    //= RULING-36
    #[test]
    fn ruling_36_a_terminal_from_afar_uses_no_administrative_code() {
        let made = soft::one(soft::DEFAULT, &SoftArgs::default()).unwrap();
        let mut card = Served::new(1, made.card, false, None);
        let mut say = |frame: &[u8]| card.answer(frame).unwrap().expose().to_vec();
        let asked = [0x00, 0x20, 0x00, 0x0a];
        assert_ne!(say(&asked), [0x69, 0x82]);
        card.administered = false;
        let mut say = |frame: &[u8]| card.answer(frame).unwrap().expose().to_vec();
        let code = [[0x00, 0x20, 0x00, 0x0a, 0x08].as_slice(), &[0x31; 8]].concat();
        for frame in [&asked[..], &code, &[0x41, 0x2c, 0x00, 0x8e]] {
            assert_eq!(say(frame), [0x69, 0x82]);
        }
        // PINs stay.
        assert_ne!(say(&[0x00, 0x20, 0x00, 0x01]), [0x69, 0x82]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever a reader sends: controls but for the ATR have no answer, all else has one of 2 to 258 octets.
        #[test]
        fn every_frame_has_its_answer(frames in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..300),
                prop::sample::select(vec![vec![0], vec![1], vec![2], vec![4], vec![0, 0xa4, 0, 4, 2, 0x3f, 0], vec![0, 0xc0, 0, 0, 0]]),
            ],
            0..20,
        )) {
            let made = soft::one(soft::DEFAULT, &SoftArgs::default()).unwrap();
            let gsmtap = Gsmtap::to("127.0.0.1:9").unwrap();
            let mut card = Served::new(1, made.card, true, Some(gsmtap));
            for frame in frames {
                let answer = card.answer(&frame);
                match frame[..] {
                    [0..=2] => prop_assert!(answer.is_none()),
                    [4] => prop_assert!(answer.unwrap().expose() == atr::SOFTWARE),
                    _ => prop_assert!((2..=258).contains(&answer.unwrap().len())),
                }
            }
        }
    }
}
