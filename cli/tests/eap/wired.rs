//! IEEE 802.1X on a wire between two ends of one host: hostapd is the authenticator, wpa_supplicant the device.

use std::process::Command;

use tests::{apart::apart, pcscd::Pcscd, peer, process::Process};

use crate::network::{AKA, Folder, Method, PRIME, programs};

fn plays(name: &str, method: Method) {
    apart(name, || {
        let Some((hostapd, supplicant)) = programs("wpa_supplicant", "wpasupplicant") else {
            return;
        };
        let folder = Folder::new();
        let Some(mut pcscd) = Pcscd::start(folder.path()) else {
            return;
        };
        let wire = "ip link add gbaA type veth peer name gbaB && ip link set gbaA up && ip link set gbaB up";
        let made = Command::new("sh").args(["-c", wire]).status().unwrap();
        if !made.success() {
            let _ = peer::missing::<()>("veth", "a kernel with virtual Ethernet");
            return;
        }
        let mut hss = folder.hss(&[]);
        let _card = folder.card(&mut pcscd, "@k.hex", &["--sqn", "000002000000"]);
        let settings = "interface=gbaA\ndriver=wired\nieee8021x=1\n";
        let mut ap = folder.hostapd(&hostapd, method.socket, settings);

        folder.device(
            method.name,
            "ap_scan=0\n",
            "  key_mgmt=IEEE8021X\n  eapol_flags=0",
        );
        let mut command = Command::new(supplicant);
        command
            .current_dir(folder.path())
            .args(["-d", "-Dwired", "-igbaB", "-c", "device.conf"]);
        let mut device = Process::start(&mut command);
        device.wait("UMTS Synchronization-Failure");
        device.wait("CTRL-EVENT-EAP-SUCCESS");
        device.wait("CTRL-EVENT-CONNECTED");
        ap.wait("AP-STA-CONNECTED");
        device.stop();
        let (status, said) = hss.stop();
        assert!(status.success(), "{said}");
        assert!(!folder.file(method.socket).exists());
    });
}

//= RFC4187-1-r1
#[test]
fn wpa_supplicant_on_a_wire_is_let_in_by_eap_aka() {
    plays("wired::wpa_supplicant_on_a_wire_is_let_in_by_eap_aka", AKA);
}

//= RFC9048-3-r1
#[test]
fn wpa_supplicant_on_a_wire_is_let_in_by_eap_aka_prime() {
    plays(
        "wired::wpa_supplicant_on_a_wire_is_let_in_by_eap_aka_prime",
        PRIME,
    );
}
