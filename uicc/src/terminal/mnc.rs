//! How many digits the MNC has (ruling 4): the IMSI alone doesn't tell, and a wrong length gives a wrong IMPI.

use core::fmt;

use gba::ids::{Imsi, MncLength};

/// The length, and who said so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mnc {
    /// What is used.
    pub length: MncLength,
    /// Why.
    pub source: MncSource,
}

/// Who said how long the MNC is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MncSource {
    /// The card's EF_AD (TS 31.102 4.2.18).
    EfAd,
    /// The person, by `--mnc-length`.
    Told {
        /// What EF_AD says, where it says something.
        ef_ad: Option<MncLength>,
    },
    /// What the networks of this country use (ITU-T E.212 and its national plans).
    Table,
    /// Nobody: both lengths are in use there, or it is a test network; two digits are taken.
    Assumed,
}

impl Mnc {
    /// `told` stands above the card's EF_AD, and that above the table by MCC.
    #[must_use]
    pub fn choose(imsi: &Imsi, ef_ad: Option<MncLength>, told: Option<MncLength>) -> Self {
        let (length, source) = match (told, ef_ad) {
            (Some(told), _) => (told, MncSource::Told { ef_ad }),
            (None, Some(ad)) => (ad, MncSource::EfAd),
            (None, None) => match by_network(imsi).or_else(|| MncLength::usual_for(imsi)) {
                Some(usual) => (usual, MncSource::Table),
                None => (MncLength::Two, MncSource::Assumed),
            },
        };
        Self { length, source }
    }
}

/// Countries with both lengths, where the first digits of the MNC decide. India numbers 405-025 to 405-047, 405-750 to
/// 405-756 and 405-799 to 405-932 with three digits, all others with two; Malaysia 502-142 to 502-156 with three.
fn by_network(imsi: &Imsi) -> Option<MncLength> {
    let three: u16 = imsi.mnc(MncLength::Three).parse().ok()?;
    let long = match (imsi.mcc(), three) {
        ("405", 25..=47 | 750..=756 | 799..=932) | ("502", 142..=156) => MncLength::Three,
        ("405" | "502", _) => MncLength::Two,
        _ => return None,
    };
    Some(long)
}

impl fmt::Display for Mnc {
    /// `2 digits, from EF_AD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.length.digits();
        write!(f, "{length} digits, ")?;
        match self.source {
            MncSource::EfAd => f.write_str("from EF_AD"),
            MncSource::Told { ef_ad: Some(ad) } if ad != self.length => {
                write!(f, "as told (EF_AD says {})", ad.digits())
            }
            MncSource::Told { .. } => f.write_str("as told"),
            MncSource::Table => f.write_str("by the table of countries, since EF_AD doesn't say"),
            MncSource::Assumed => {
                f.write_str("assumed: neither EF_AD nor the country tells; --mnc-length corrects it")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MncLength::{Three, Two};

    fn choose(imsi: &str, ef_ad: Option<MncLength>, told: Option<MncLength>) -> Mnc {
        Mnc::choose(&imsi.parse().unwrap(), ef_ad, told)
    }

    #[test]
    fn ruling_04_says_which_source_was_used() {
        let told = choose("262011234567890", Some(Two), Some(Three));
        assert_eq!(told.length, Three);
        assert_eq!(told.to_string(), "3 digits, as told (EF_AD says 2)");
        assert_eq!(
            choose("310260123456789", Some(Two), None).to_string(),
            "2 digits, from EF_AD"
        );
        let table = choose("310260123456789", None, None);
        assert_eq!((table.length, table.source), (Three, MncSource::Table));
        let nobody = choose("001010123456789", None, None);
        assert_eq!((nobody.length, nobody.source), (Two, MncSource::Assumed));
        for (imsi, want) in [
            ("405840123456789", Three),
            ("405034123456789", Three),
            ("405012345678901", Two),
            ("502153123456789", Three),
            ("502121234567890", Two),
        ] {
            let mnc = choose(imsi, None, None);
            assert_eq!((mnc.length, mnc.source), (want, MncSource::Table), "{imsi}");
        }
    }
}
