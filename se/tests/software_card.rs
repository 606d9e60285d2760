//! The transport over the software card: two applications of a device on channels of their own.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

use aka::Milenage;
use base::Secret;
use gba::ids::MncLength;
use se::transport::{Application, Denial, Error, Hash, Reader, Unruled};
use uicc::software::{
    Profile, SoftCard,
    profile::{AccessRule, ApduAccess},
};

/// RID and application code of a USIM (TS 101 220).
const USIM: [u8; 7] = [0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02];

fn profile(t0: bool) -> Profile {
    let algorithm = Milenage::new(&Secret::new([0x46; 16]), &Secret::new([0xcd; 16]));
    let mut profile = Profile::new("001010123456789".parse().unwrap(), MncLength::Three, algorithm);
    profile.t0 = t0;
    profile
}

fn reader(t0: bool) -> Reader {
    let card = SoftCard::new(profile(t0));
    Reader::new("SIM1", Box::new(card), None).unruled(Unruled::Allow)
}

#[test]
fn two_applications_read_different_files_at_once() {
    for t0 in [false, true] {
        let reader = reader(t0);
        assert!(reader.is_secure_element_present());
        let (first, second) = (
            reader.open_session(Application::default()).unwrap(),
            reader.open_session(Application::default()).unwrap(),
        );
        let imsi = first.open_logical_channel_p2(Some(&USIM), 0x04).unwrap().unwrap();
        let ad = second
            .open_logical_channel_p2(Some(&USIM), 0x0c)
            .unwrap()
            .unwrap();
        assert_eq!(imsi.select_response().unwrap().first(), Some(&0x62));
        assert_eq!(ad.select_response().unwrap(), [0x90, 0x00]);
        assert_ne!(imsi.number(), ad.number());
        let select = |fid: u8| [0x00, 0xa4, 0x00, 0x0c, 0x02, 0x6f, fid];
        assert_eq!(imsi.transmit(&select(0x07)).unwrap(), [0x90, 0x00]);
        assert_eq!(ad.transmit(&select(0xad)).unwrap(), [0x90, 0x00]);
        let read = |length| [0x00, 0xb0, 0x00, 0x00, length];
        assert_eq!(
            imsi.transmit(&read(9)).unwrap(),
            [0x08, 0x09, 0x10, 0x10, 0x10, 0x32, 0x54, 0x76, 0x98, 0x90, 0x00]
        );
        // EF_AD: the MNC has three digits.
        assert!(ad.transmit(&read(4)).unwrap().ends_with(&[0x03, 0x90, 0x00]));
        first.close();
        assert!(matches!(imsi.transmit(&read(9)), Err(Error::Closed(_))));
        assert!(ad.transmit(&read(4)).is_ok());
    }
}

#[test]
fn all_nineteen_channels_are_given_and_no_twentieth() {
    let reader = reader(false);
    let session = reader.open_session(Application::default()).unwrap();
    // One more than is given is needed for a moment, to look for access rules.
    let open: Vec<_> = (0..19)
        .map_while(|_| session.open_logical_channel_p2(Some(&USIM), 0x04).unwrap())
        .collect();
    assert_eq!(open.len(), 19);
    assert!(
        session
            .open_logical_channel_p2(Some(&USIM), 0x04)
            .unwrap()
            .is_none()
    );
    session.close_channels();
    assert!(open.iter().all(se::transport::Channel::is_closed));
    assert!(
        session
            .open_logical_channel_p2(Some(&USIM), 0x04)
            .unwrap()
            .is_some()
    );
}

//= SEAC-4.2.1-r1
#[test]
fn the_rules_of_the_cards_own_ara_m_decide_who_may_read_what() {
    let read_binary = [0x00, 0xb0, 0, 0, 0xff, 0xff, 0, 0];
    let select = [0x00, 0xa4, 0, 0, 0xff, 0xff, 0, 0];
    let rule = |aid: Option<&[u8]>, device: Option<[u8; 20]>, apdu| AccessRule {
        aid: aid.map(<[u8]>::to_vec),
        device: device.map(|d| d.to_vec()),
        apdu,
        nfc: None,
    };
    let meter = [0x11; 20];
    for t0 in [false, true] {
        let mut rules = vec![
            rule(
                Some(&USIM),
                Some(meter),
                ApduAccess::Filters(vec![read_binary, select]),
            ),
            rule(None, None, ApduAccess::Never),
        ];
        // More than one answer holds.
        rules.extend((0..30).map(|n| rule(Some(&[n; 9]), Some([n; 20]), ApduAccess::Always)));
        let mut profile = profile(t0);
        profile.access_rules = Some(rules);
        let reader = Reader::new("SIM1", Box::new(SoftCard::new(profile)), None);
        let application = |hash: [u8; 20]| Application {
            certificates: vec![Hash::new(&hash).unwrap()],
        };
        let stranger = reader.open_session(application([0x22; 20])).unwrap();
        let refused = stranger.open_logical_channel_p2(Some(&USIM), 0x0c);
        assert!(matches!(refused, Err(Error::Denied(Denial::OthersOnly(_)))));
        let ours = reader.open_session(application(meter)).unwrap();
        let channel = ours.open_logical_channel_p2(Some(&USIM), 0x0c).unwrap().unwrap();
        channel
            .transmit(&[0x00, 0xa4, 0x00, 0x0c, 0x02, 0x6f, 0x07])
            .unwrap();
        assert!(
            channel
                .transmit(&[0x00, 0xb0, 0, 0, 9])
                .unwrap()
                .ends_with(&[0x90, 0x00])
        );
        let authenticate = channel.transmit(&[0x00, 0x88, 0x00, 0x81, 0x01, 0x00]);
        assert!(matches!(authenticate, Err(Error::Denied(Denial::Filtered(_)))));
    }
}
