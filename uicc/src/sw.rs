//! Status words (TS 102 221 10.2.1, TS 31.102 7.3): the only ones that the software card sends, and what each tells
//! a person at the terminal.

use core::fmt;

/// SW1 and SW2 of a response.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Sw(pub u16);

macro_rules! status_words {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)*) => {
        impl Sw {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// Every status word that the software card may send, apart from `61xx`, `63Cx` and `6Cxx`.
            pub const TABLE: &'static [Self] = &[$(Self::$name),*];
        }

        const TEXTS: &[(u16, &str)] = &[$(($value, $text)),*];
    };
}

status_words! {
    /// Normal ending.
    OK = 0x9000, "done";
    /// The selected file is deactivated.
    DEACTIVATED = 0x6283, "selected file is deactivated";
    /// The selected file is terminated.
    TERMINATED = 0x6285, "selected file is terminated";
    /// SEARCH RECORD found nothing.
    NO_MATCH = 0x6282, "end of file reached, or nothing found";
    /// RETRIEVE DATA: the object goes on.
    MORE_DATA = 0x62f1, "more data of the object follows";
    /// SET DATA: the object goes on.
    MORE_EXPECTED = 0x63f1, "more data of the object is expected";
    /// A change couldn't be kept; nothing changed.
    MEMORY_PROBLEM = 0x6581, "memory problem: the change is not kept";
    /// A length doesn't fit.
    WRONG_LENGTH = 0x6700, "wrong length";
    /// A logical channel that isn't offered.
    CHANNEL = 0x6881, "logical channel not supported";
    /// Secure messaging isn't offered.
    SECURE_MESSAGING = 0x6882, "secure messaging not supported";
    /// Command not possible with this kind of file.
    STRUCTURE = 0x6981, "command does not fit the file's structure";
    /// PIN not verified, or not allowed to anybody here.
    SECURITY = 0x6982, "security status not satisfied (PIN or ADM needed)";
    /// No tries left.
    BLOCKED = 0x6983, "PIN blocked";
    /// VERIFY of a PIN that is switched off.
    DISABLED = 0x6984, "PIN is disabled";
    /// Not now.
    CONDITIONS = 0x6985, "conditions of use not satisfied";
    /// No file selected.
    NO_EF = 0x6986, "command not allowed: no EF selected";
    /// The data field isn't what the command needs.
    DATA = 0x6a80, "incorrect parameters in the data field";
    /// A function that isn't offered.
    FUNCTION = 0x6a81, "function not supported";
    /// No such file or application.
    NOT_FOUND = 0x6a82, "file or application not found";
    /// No such record.
    NO_RECORD = 0x6a83, "record not found";
    /// No room.
    NO_SPACE = 0x6a84, "not enough memory space";
    /// P1 or P2 has a value that the command doesn't know.
    P1_P2 = 0x6a86, "incorrect P1 or P2";
    /// No such PIN or key.
    REFERENCE = 0x6a88, "referenced PIN or key not found";
    /// CREATE FILE of what there is.
    EXISTS = 0x6a89, "file identifier exists already";
    /// CREATE FILE of an application that there is.
    NAME_EXISTS = 0x6a8a, "application name exists already";
    /// Offset outside of the file.
    OFFSET = 0x6b00, "wrong P1 P2: offset outside of the file";
    /// No such instruction.
    INSTRUCTION = 0x6d00, "instruction not supported";
    /// No such class.
    CLASS = 0x6e00, "class not supported";
    /// Too many proactive commands wait.
    BUSY = 0x9300, "the card's toolkit is busy: try again later";
    /// The sum doesn't fit into the record.
    MAX_VALUE = 0x9850, "INCREASE cannot be performed: the highest value is reached";
    /// AUTN or AUTN* has a MAC that this key doesn't make.
    MAC = 0x9862, "authentication error: incorrect MAC";
    /// AUTHENTICATE in a context that this card doesn't offer.
    CONTEXT = 0x9864, "authentication error: security context not supported";
    /// The NAF list has no room for this NAF_Id and B-TID.
    MEMORY = 0x9866, "authentication error: no memory space available";
}

impl Sw {
    /// `61xx`: `n` octets (0 stands for 256) wait for GET RESPONSE.
    #[must_use]
    pub const fn more(n: u8) -> Self {
        Self(0x6100 | n as u16)
    }

    /// `6Cxx`: ask again with Le = `n`.
    #[must_use]
    pub const fn again(n: u8) -> Self {
        Self(0x6c00 | n as u16)
    }

    /// `63Cx`: the PIN was wrong, `n` tries are left (at most 15 can be said).
    #[must_use]
    pub const fn tries(n: u8) -> Self {
        Self(0x63c0 | if n > 15 { 15 } else { n as u16 })
    }

    /// SW1.
    #[must_use]
    pub const fn sw1(self) -> u8 {
        self.0.to_be_bytes()[0]
    }

    /// SW2.
    #[must_use]
    pub const fn sw2(self) -> u8 {
        self.0.to_be_bytes()[1]
    }

    /// The tries left, if this is `63Cx`.
    #[must_use]
    pub const fn tries_left(self) -> Option<u8> {
        if self.0 & 0xfff0 == 0x63c0 {
            Some(self.sw2() & 0x0f)
        } else {
            None
        }
    }

    /// What it means, in a few words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        if let Some((_, text)) = TEXTS.iter().find(|(sw, _)| *sw == self.0) {
            return text;
        }
        match (self.sw1(), self.sw2()) {
            (0x61, _) => "more data waits for GET RESPONSE",
            (0x62, _) => "warning, nothing changed",
            (0x63, 0xc0..=0xcf) => "wrong PIN",
            (0x63, _) => "warning, something changed",
            (0x64 | 0x65, _) => "execution error",
            (0x67, _) => "wrong length",
            (0x68, _) => "function in the class octet not supported",
            (0x69, _) => "command not allowed",
            (0x6a, _) => "wrong parameters",
            (0x6c, _) => "wrong Le",
            (0x6f, _) => "technical problem",
            (0x91, _) => "done, a proactive command waits",
            (0x93, _) => "the toolkit is busy",
            (0x98, 0x63) => "security session or association expired",
            (0x98, 0x65) => "key freshness failure",
            (0x98, _) => "application error",
            _ => "unknown status word",
        }
    }
}

impl fmt::Display for Sw {
    /// `9862 (authentication error: incorrect MAC)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X} ({})", self.0, self.meaning())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_word_has_one_meaning() {
        for (i, sw) in Sw::TABLE.iter().enumerate() {
            assert!(!Sw::TABLE[..i].contains(sw), "{sw} stands twice");
            assert_ne!(sw.meaning(), "unknown status word");
        }
        assert_eq!(Sw::tries(2).tries_left(), Some(2));
        assert_eq!(Sw::more(0x20).0, 0x6120);
        assert_eq!(Sw::MAC.to_string(), "9862 (authentication error: incorrect MAC)");
    }
}
