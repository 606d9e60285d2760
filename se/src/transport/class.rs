//! Channel numbers in the class octet (ISO 7816-4 5.4.1, TS 102 221 10.1.1).

/// Logical channels of a UICC: 0, the basic one, to 19.
pub const CHANNELS: usize = 20;

/// The class octet with the number of a channel in it, whatever number stood there before.
///
/// Channels 0 to 3 stand in the first form (`0x`, `8x`), 4 to 19 in the further one (`4x`, `6x`, `Cx`, `Ex`). That a
/// command has secure messaging and that it is chained go from one form to the other; which secure messaging it is can't, as
/// the further form has one bit for it.
#[must_use]
pub const fn on_channel(cla: u8, number: u8) -> u8 {
    let further = cla & 0x40 != 0;
    let kind = cla & 0x80;
    let chained = cla & 0x10;
    match (number < 4, further) {
        (true, false) => kind | chained | cla & 0x0c | number,
        (true, true) => kind | chained | if cla & 0x20 == 0 { 0 } else { 0x0c } | number,
        (false, true) => kind | chained | cla & 0x20 | 0x40 | number.wrapping_sub(4) & 0x0f,
        (false, false) => {
            let secured = if cla & 0x0c == 0 { 0 } else { 0x20 };
            kind | chained | secured | 0x40 | number.wrapping_sub(4) & 0x0f
        }
    }
}
