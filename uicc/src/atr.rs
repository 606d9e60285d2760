//! Answer to reset (ISO 7816-3 clause 8, TS 102 221 6.3): what the software card says of itself.

/// ATR of the software card, 22 octets: T=0, 512/32, clock stop, classes A to C; in its historical octets selection by
/// full and partial AID, path, identifier and SFI, and logical channels that the card assigns, eight or more.
pub const SOFTWARE: [u8; 22] = with_check([
    0x3b, // direct convention
    0x9f, // TA1, TD1, 15 historical octets
    0x96, // TA1: Fi 512, Di 32
    0x80, // TD1: T=0, TD2 follows
    0x1f, // TD2: T=15, TA3
    0xc7, // TA3: clock stop, classes A, B, C
    0x80, // category: compact TLV
    0x31, 0xe0, // card service data: selection by full and partial name, EF_DIR
    0x73, 0xfe, 0x21, 0x17, // capabilities: ways of selection, data units of an octet, channels
    0x67, b'G', b'B', b'A', b' ', b'S', b'I', b'M', // pre-issuing data
    0,    // TCK
]);

/// With TCK: T0 to TCK give 00 together (ISO 7816-3 8.2.5).
const fn with_check(mut atr: [u8; 22]) -> [u8; 22] {
    let (mut sum, mut at) = (0, 1);
    while at < atr.len() - 1 {
        sum ^= atr[at];
        at += 1;
    }
    atr[atr.len() - 1] = sum;
    atr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_atr_has_the_lengths_that_it_tells_and_its_check_octet() {
        let (interface, historical) = (5, usize::from(SOFTWARE[1] & 0x0f));
        assert_eq!(SOFTWARE.len(), 1 + interface + historical + 1);
        assert_eq!(SOFTWARE[1..].iter().fold(0, |sum, octet| sum ^ octet), 0);
    }
}
