//! `--gsmtap`: tshark, which has decoders of its own, names the commands.

use std::{fs, net::UdpSocket, process::Command, time::Duration};

use tests::peer;

use crate::usage::AsReader;

const LIMIT: Duration = Duration::from_secs(60);

/// A capture file of datagrams to GSMTAP's port (link type RAW: each begins with its IP header).
fn capture(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    for packet in packets {
        let [udp, ip, frame] = [8, 28, 28].map(|head| u16::try_from(packet.len() + head).unwrap());
        for word in [0, 0, u32::from(frame), u32::from(frame)] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&[0x45, 0]);
        file.extend_from_slice(&ip.to_be_bytes());
        file.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        for half in [4729, 4729, udp, 0] {
            file.extend_from_slice(&u16::to_be_bytes(half));
        }
        file.extend_from_slice(packet);
    }
    file
}

#[test]
//= vpcd-serve-r6
fn tshark_names_the_commands_that_gsmtap_carries() {
    let Some(tshark) = peer::program("tshark", "tshark") else {
        return;
    };
    let wireshark = UdpSocket::bind("127.0.0.1:0").unwrap();
    wireshark.set_read_timeout(Some(LIMIT)).unwrap();
    let to = wireshark.local_addr().unwrap().to_string();
    let (_card, mut reader, _listener) = AsReader::with(&["--gsmtap", &to]);
    let v = crate::vector(1, "000000000020");
    let challenge = [
        &[0, 0x88, 0, 0x81, 34, 16],
        &v.rand.octets()[..],
        &[16],
        v.autn.octets(),
    ]
    .concat();
    let mut packets = Vec::new();
    for command in [
        &[0, 0xa4, 0, 4, 2, 0x2f, 0xe2][..],
        &[0, 0xb0, 0, 0, 10],
        &[0x80, 0xf2, 0, 0x0c],
        &challenge,
    ] {
        reader.ask(command);
        let mut packet = [0; 400];
        let length = wireshark.recv(&mut packet).unwrap();
        packets.push(packet[..length].to_vec());
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("card.pcap");
    fs::write(&file, capture(&packets)).unwrap();
    let mut run = Command::new(tshark);
    run.arg("-r").arg(&file).args(["-T", "fields"]);
    for field in [
        "frame.protocols",
        "gsm_sim.apdu.ins",
        "gsm_sim.apdu.sw",
        "_ws.malformed",
    ] {
        run.args(["-e", field]);
    }
    let output = peer::run(run.env("HOME", folder.path()), LIMIT);
    let out = String::from_utf8_lossy(&output.stdout).to_lowercase();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split('\t').collect()).collect();
    let instructions: Vec<&str> = lines.iter().map(|fields| fields[1]).collect();
    assert_eq!(instructions, ["0xa4", "0xb0", "0xf2", "0x88"], "{out}");
    assert_eq!(lines[1][2], "0x9000", "{out}");
    assert!(
        lines
            .iter()
            .all(|fields| fields[0].ends_with("gsmtap:gsm_sim") && fields[3].is_empty()),
        "{out}"
    );
}
