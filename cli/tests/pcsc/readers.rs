//! opensc-tool and pcsc_scan see the card, and see it come and go.

use std::{process::Command, time::Duration};

use tests::{
    apart::apart,
    pcscd::{PORT, Pcscd, READER},
    peer,
    process::Process,
};

use crate::{IMSI, in_reader, serve};

const LIMIT: Duration = Duration::from_secs(30);

fn said(command: &mut Command) -> String {
    let output = peer::run(command, LIMIT);
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
    out
}

/// IMSI or ICCID as a file has it: nibbles swapped.
fn swapped(digits: &str) -> String {
    let octets: Vec<String> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| pair.iter().rev().map(|d| char::from(*d)).collect())
        .collect();
    octets.join(" ")
}

#[test]
//= vpcd-serve-r1
fn opensc_tool_lists_the_card_shows_its_atr_and_reads_a_file() {
    apart(
        "readers::opensc_tool_lists_the_card_shows_its_atr_and_reads_a_file",
        || {
            let Some(tool) = peer::program("opensc-tool", "opensc") else {
                return;
            };
            let folder = tempfile::tempdir().unwrap();
            let Some(mut pcscd) = Pcscd::start(folder.path()) else {
                return;
            };
            let mut card = in_reader(&[]);
            pcscd.wait_for_card();
            let iccid = card
                .seen
                .iter()
                .find_map(|line| line.split_once("ICCID "))
                .unwrap()
                .1;
            let iccid = iccid.split(',').next().unwrap();

            let list = said(Command::new(&tool).arg("-l"));
            let line = list.lines().find(|line| line.ends_with(READER)).unwrap();
            assert!(line.contains("Yes"), "{list}");
            let atr = said(Command::new(&tool).args(["-r", "0", "-a"]));
            assert!(atr.starts_with("3b:9f:96:80:1f:c7:80:31:e0:73:fe:21:"), "{atr}");
            // It follows 61xx by itself.
            let read = said(Command::new(&tool).args([
                "-r",
                "0",
                "-s",
                "00A40004023F00",
                "-s",
                "00A40004022FE2",
                "-s",
                "00B000000A",
            ]));
            assert_eq!(read.matches("SW1=0x90, SW2=0x00").count(), 3, "{read}");
            // Its last digit is told, and not among the first nine octets.
            let digits = swapped(&iccid[..18]);
            assert!(
                read.replace('\n', " ").contains(&digits.to_uppercase()),
                "{iccid} in\n{read}"
            );
            let (status, text) = card.stop();
            assert!(status.success(), "{text}");
            assert!(text.contains("card: stopped after"), "{text}");
            pcscd.wait_for_removal();
        },
    );
}

/// The analysis that comes with it judges each octet of the ATR, the check octet and the historical ones.
#[test]
//= vpcd-serve-r2
fn pcsc_scan_takes_the_atr_for_a_valid_one() {
    apart("readers::pcsc_scan_takes_the_atr_for_a_valid_one", || {
        let Some(scan) = peer::program("pcsc_scan", "pcsc-tools") else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let Some(mut pcscd) = Pcscd::start(folder.path()) else {
            return;
        };
        let _card = in_reader(&[]);
        pcscd.wait_for_card();
        // It looks for a newer list of cards in the network, which isn't there, and keeps one in the home directory.
        let mut scan = Process::start(Command::new(scan).env("HOME", folder.path()));
        scan.wait("Protocol T = 0");
        scan.wait("Protocol T = 15");
        scan.wait("Application selection: by full DF name");
        scan.wait("Logical channel number assignment: by the card");
        scan.wait("(correct checksum)");
    });
}

#[test]
//= vpcd-serve-r3
fn two_cards_of_one_command_are_in_two_slots_and_tell_who_they_are() {
    apart(
        "readers::two_cards_of_one_command_are_in_two_slots_and_tell_who_they_are",
        || {
            let Some(tool) = peer::program("opensc-tool", "opensc") else {
                return;
            };
            let folder = tempfile::tempdir().unwrap();
            let Some(mut pcscd) = Pcscd::start(folder.path()) else {
                return;
            };
            let place = format!("127.0.0.1:{PORT}");
            // The card is there first, and waits.
            let mut cards = serve(&["--vpcd", &place, "--count", "2"]);
            pcscd.wait_for_card();
            pcscd.wait_for_card();
            assert_eq!(cards.wait("card: ready;"), "");
            let next = format!("{}64", &IMSI[..13]);
            for (slot, imsi) in [("0", IMSI), ("1", next.as_str())] {
                let read = said(Command::new(&tool).args([
                    "-r",
                    slot,
                    "-s",
                    "00A4040C07A0000000871002",
                    "-s",
                    "00A4000C026F07",
                    "-s",
                    "00B0000009",
                ]));
                let expected = format!("08 {}9 {}", &imsi[..1], swapped(&imsi[1..]));
                assert!(read.contains(&expected), "{expected} in\n{read}");
            }
        },
    );
}
