//! EF_UST and EF_IST (TS 31.102 4.2.8, TS 31.103 4.2.7): one bit a service, service 1 is the lowest bit of octet 1.

/// GSM access: AUTHENTICATE in 3G context adds Kc.
pub const GSM_ACCESS: u16 = 27;
/// GSM security context (P2 = 80).
pub const GSM_CONTEXT: u16 = 38;
/// GBA: the card has a GBA context (GBA_U), EF_GBABP and EF_GBANL.
pub const GBA: u16 = 68;

/// A service table. Octets that a card's file lacks count as "not available".
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServiceTable(Vec<u8>);

impl ServiceTable {
    /// The file's octets, which are the table.
    #[must_use]
    pub fn parse(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }

    /// A table of `len` octets with these services.
    #[must_use]
    pub fn new(len: usize, services: &[u16]) -> Self {
        let mut table = vec![0; len];
        for (octet, mask) in services.iter().filter_map(|s| position(*s)) {
            if let Some(o) = table.get_mut(octet) {
                *o |= mask;
            }
        }
        Self(table)
    }

    /// The file's octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// True if the service is available. There is no service 0.
    #[must_use]
    pub fn has(&self, service: u16) -> bool {
        position(service).is_some_and(|(octet, mask)| self.0.get(octet).is_some_and(|o| o & mask != 0))
    }
}

/// Octet and mask of a service.
fn position(service: u16) -> Option<(usize, u8)> {
    let bit = service.checked_sub(1)?;
    Some((usize::from(bit / 8), 1 << (bit % 8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    //= TS31.102-4.2.8-r1
    #[test]
    fn service_68_is_bit_4_of_octet_9() {
        let t = ServiceTable::new(9, &[GBA]);
        assert_eq!(t.octets(), [0, 0, 0, 0, 0, 0, 0, 0, 0x08]);
        assert!(t.has(68) && !t.has(67) && !t.has(0) && !t.has(u16::MAX));
        assert!(!ServiceTable::parse(&[0xff; 8]).has(GBA));
        assert_eq!(ServiceTable::new(2, &[1, 9, 200]).octets(), [1, 1]);
    }
}
