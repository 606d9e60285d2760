//! eapol_test asks hostapd's RADIUS server, which asks our HSS; the card is ours.

use std::{path::Path, process::Command, time::Duration};

use tests::{apart::apart, pcscd::Pcscd, peer, process::Process};

use crate::network::{AKA, Folder, IMSI, Method, PRIME, RADIUS, audited, programs};

const SETTINGS: &str =
    "interface=lo\ndriver=none\nradius_server_clients=clients\nradius_server_auth_port=1812\n";

/// What a device said, and whether it was let in.
struct Said {
    accepted: bool,
    text: String,
}

impl Said {
    /// So many times both ends have the same keys, or eapol_test counts a mismatch.
    fn assert_accepted(&self, times: usize) {
        assert!(
            self.accepted && self.text.contains(&format!("MPPE keys OK: {times}  mismatch: 0")),
            "{}",
            self.text
        );
    }
}

/// Once, and so many times again.
fn ask(folder: &Folder, eapol_test: &Path, method: &str, again: usize) -> Said {
    folder.device(method, "", "  key_mgmt=WPA-EAP");
    let mut command = Command::new(eapol_test);
    command
        .current_dir(folder.path())
        .args(["-c", "device.conf", "-a", "127.0.0.1", "-p", RADIUS])
        .args(["-s", "testing123", "-t", "20", "-r", &again.to_string()]);
    let output = peer::run(&mut command, Duration::from_secs(60));
    Said {
        accepted: output.status.success(),
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}

/// In with the method; then with a card that is ahead of the HSS, by AUTS; then a card with another key, which refuses our
/// network, and is refused.
fn plays(name: &str, method: Method) {
    apart(name, || {
        let Some((hostapd, eapol_test)) = programs("eapol_test", "eapoltest") else {
            return;
        };
        let folder = Folder::new();
        let Some(mut pcscd) = Pcscd::start(folder.path()) else {
            return;
        };
        let mut hss = folder.hss(&[]);
        let mut ap = folder.hostapd(&hostapd, method.socket, SETTINGS);

        let card = folder.card(&mut pcscd, "@k.hex", &[]);
        // Two more times by fast re-authentication, without a vector.
        let said = ask(&folder, &eapol_test, method.name, 2);
        said.assert_accepted(3);
        let selected = format!("({}) selected", method.name);
        assert!(said.text.contains(&selected), "{}", said.text);
        let vector = ["\"vector\"", "\"done\"", IMSI, method.name];
        assert_eq!(audited(&folder, &vector), 1);
        drop(card);
        pcscd.wait_for_removal();

        // Ahead by 2^20 in SEQ.
        let card = folder.card(&mut pcscd, "@k.hex", &["--sqn", "000002000000"]);
        let said = ask(&folder, &eapol_test, method.name, 0);
        said.assert_accepted(1);
        assert!(
            said.text.contains("UMTS Synchronization-Failure"),
            "{}",
            said.text
        );
        assert_eq!(audited(&folder, &["\"resynchronisation\"", "\"done\"", IMSI]), 1);
        assert_eq!(audited(&folder, &vector), 3);
        drop(card);
        pcscd.wait_for_removal();

        let card = folder.card(&mut pcscd, "@wrong.hex", &[]);
        let said = ask(&folder, &eapol_test, method.name, 0);
        assert!(!said.accepted, "{}", said.text);
        assert!(
            said.text.contains("UMTS auth failed - MAC != XMAC"),
            "{}",
            said.text
        );
        drop(card);

        let (_, said) = ap.stop();
        assert!(said.contains("Client rejected authentication"), "{said}");
        let (status, said) = hss.stop();
        assert!(status.success(), "{said}");
    });
}

//= RFC4187-1-r1
#[test]
fn eapol_test_with_our_card_and_hss_does_eap_aka() {
    plays("radius::eapol_test_with_our_card_and_hss_does_eap_aka", AKA);
}

//= RFC9048-3-r1
#[test]
fn eapol_test_with_our_card_and_hss_does_eap_aka_prime() {
    plays(
        "radius::eapol_test_with_our_card_and_hss_does_eap_aka_prime",
        PRIME,
    );
}

/// Why the method needs a socket of its own: without the separation bit a device refuses EAP-AKA'. With it EAP-AKA goes
/// through as well, for who must serve both by one hostapd.
//= hostapd-eap_sim_db-r2
#[test]
fn ruling_02_a_device_refuses_eap_aka_prime_without_the_separation_bit() {
    apart(
        "radius::ruling_02_a_device_refuses_eap_aka_prime_without_the_separation_bit",
        || {
            let Some((hostapd, eapol_test)) = programs("eapol_test", "eapoltest") else {
                return;
            };
            let folder = Folder::new();
            let Some(mut pcscd) = Pcscd::start(folder.path()) else {
                return;
            };
            let _hss = folder.hss(&["--hostapd-sim"]);
            let _card = folder.card(&mut pcscd, "@k.hex", &[]);

            let ap = folder.hostapd(&hostapd, AKA.socket, SETTINGS);
            let said = ask(&folder, &eapol_test, PRIME.name, 0);
            assert!(!said.accepted, "{}", said.text);
            assert!(said.text.contains("AMF separation bit not set"), "{}", said.text);
            // EAP-SIM, where it is allowed.
            ask(&folder, &eapol_test, "SIM", 0).assert_accepted(1);
            drop(ap);

            let _ap = folder.hostapd(&hostapd, PRIME.socket, SETTINGS);
            ask(&folder, &eapol_test, AKA.name, 0).assert_accepted(1);
        },
    );
}

/// Nobody's IMSI is refused at once, and hostapd that is there before the HSS finds it.
//= hostapd-eap_sim_db-r5
#[test]
fn an_unknown_subscriber_is_refused_at_once_and_an_hss_that_comes_later_is_found() {
    apart(
        "radius::an_unknown_subscriber_is_refused_at_once_and_an_hss_that_comes_later_is_found",
        || {
            let Some((hostapd, eapol_test)) = programs("eapol_test", "eapoltest") else {
                return;
            };
            let folder = Folder::new();
            let Some(mut pcscd) = Pcscd::start(folder.path()) else {
                return;
            };
            let _card = folder.card(&mut pcscd, "@k.hex", &[]);
            let mut ap = folder.hostapd(&hostapd, AKA.socket, SETTINGS);
            let mut other = folder.gba(&["hss", "serve", "--hostapd", AKA.socket]);
            other.args(["--imsi", "001010000000002", "--k", "@k.hex", "--opc", "@opc.hex"]);
            let mut hss = Process::start(&mut other);
            hss.wait("hss: ready");
            let said = ask(&folder, &eapol_test, AKA.name, 0);
            assert!(!said.accepted, "{}", said.text);
            let (_, log) = hss.stop();
            assert!(log.contains("no subscriber has this IMSI"), "{log}");
            // The same hostapd goes on with the next HSS.
            let _hss = folder.hss(&[]);
            ask(&folder, &eapol_test, AKA.name, 0).assert_accepted(1);
            let (_, said) = ap.stop();
            assert!(said.contains("External server reported failure"), "{said}");
        },
    );
}
