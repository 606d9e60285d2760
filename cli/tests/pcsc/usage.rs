//! What `gba card serve` refuses, and what it does with a reader's frames: the test is the reader.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use tests::{peer, process::Process};

use crate::{gba, serve};

const LIMIT: Duration = Duration::from_secs(20);

/// Status and standard error of a command that ends by itself.
fn refused(args: &[&str]) -> (i32, String) {
    let output = peer::run(&mut gba(args), LIMIT);
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn what_cannot_be_served_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let short = folder.path().join("token");
    std::fs::write(&short, "short").unwrap();
    let short = short.to_str().unwrap();
    for (args, words) in [
        (&["card", "serve"][..], "--vpcd"),
        (&["card", "serve", "--vpcd", "35963"], "HOST:PORT expected"),
        (
            &["card", "serve", "--vpcd", "h:65535", "--count", "2"],
            "beyond port 65535",
        ),
        (
            &["card", "serve", "--tcp", "0.0.0.0:0"],
            "isn't loopback: give --token FILE",
        ),
        (
            &["card", "serve", "--tcp", "127.0.0.1:0", "--token", short],
            "has 5 octets, at least 16",
        ),
        (&["card", "serve", "--vpcd", "h:1", "--profile", "nope"], "nope"),
        (
            &["card", "serve", "--vpcd", "h:1", "--pin", "12"],
            "4 to 8 decimal digits",
        ),
        (
            &["card", "serve", "--vpcd", "h:1", "--k", "env:K"],
            "give K together with OPc",
        ),
        (
            &["card", "serve", "--vpcd", "h:1", "--gsmtap", "no such host"],
            "--gsmtap no such host",
        ),
    ] {
        let (status, said) = refused(args);
        assert!(status == 2 && said.contains(words), "{args:?}: {status}\n{said}");
    }
}

/// The reader's end of vpcd.
pub(crate) struct AsReader(TcpStream);

impl AsReader {
    /// A card that serves us, and our end.
    pub(crate) fn with(more: &[&str]) -> (Process, Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let card = serve(&[&["--vpcd", place.as_str()], more].concat());
        let reader = Self::next(&listener);
        (card, reader, listener)
    }

    fn next(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, frame: &[u8]) {
        let length = u16::try_from(frame.len()).unwrap();
        // In two, as vpcd does.
        self.0.write_all(&length.to_be_bytes()).unwrap();
        self.0.write_all(frame).unwrap();
    }

    pub(crate) fn ask(&mut self, frame: &[u8]) -> Vec<u8> {
        self.send(frame);
        let mut length = [0; 2];
        self.0.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u16::from_be_bytes(length).into()];
        self.0.read_exact(&mut answer).unwrap();
        answer
    }
}

const SELECT_MF: [u8; 7] = [0, 0xa4, 0, 0x0c, 2, 0x3f, 0];
const STATUS: [u8; 5] = [0x80, 0xf2, 0, 0x0c, 0];
const SELECT_USIM: [u8; 12] = [0, 0xa4, 4, 0x0c, 7, 0xa0, 0, 0, 0, 0x87, 0x10, 0x02];
const STATUS_AID: [u8; 5] = [0x80, 0xf2, 0, 0x01, 0];

#[test]
//= vpcd-serve-r5
fn power_and_reset_end_what_was_selected_and_a_reader_that_comes_back_gets_the_card() {
    let (mut card, mut reader, listener) = AsReader::with(&["--trace"]);
    reader.send(&[1]);
    assert_eq!(reader.ask(&[4]), uicc::atr::SOFTWARE);
    for control in [2, 1, 0] {
        assert_eq!(reader.ask(&SELECT_USIM), [0x90, 0]);
        assert_eq!(reader.ask(&STATUS_AID)[0], 0x6c, "the AID, with the right Le");
        reader.send(&[control]);
        assert_eq!(reader.ask(&STATUS), [0x90, 0], "STATUS without data");
        let sw = reader.ask(&STATUS_AID);
        assert_eq!(sw, [0x69, 0x85], "no application after control {control}");
    }
    // What no APDU with short lengths can be, up to the longest frame, is answered and leaves the card as it was.
    for odd in [&[][..], &[3], &[0, 0xa4, 0], &[0; 300], &vec![0xff; 65_535]] {
        assert_eq!(reader.ask(odd), [0x67, 0], "{} octets", odd.len());
    }
    assert_eq!(reader.ask(&SELECT_MF), [0x90, 0]);
    drop(reader);
    card.wait("closed after");
    let mut reader = AsReader::next(&listener);
    assert_eq!(reader.ask(&SELECT_MF), [0x90, 0]);
    let (status, said) = card.stop();
    assert!(status.success(), "{said}");
    for line in [
        "card 1: power on",
        "card 1: reset",
        "card 1: power off",
        "card 1: SELECT ADF.USIM → done",
        "card 1: SELECT MF → done",
        "card 1: 65535 octets that are no command → 6700",
        "card: stopped after 19 commands",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
}

/// A PIN and keys pass, and none of them is in the trace.
#[test]
fn a_trace_tells_commands_in_words_and_no_key() {
    let v = crate::vector(9, "000000000020");
    let (mut card, mut reader, _listener) = AsReader::with(&["--trace", "--pin", "86420975"]);
    reader.ask(&SELECT_USIM);
    reader.ask(&[&[0, 0x20, 0, 1, 8][..], b"86420975"].concat());
    let mut authenticate = vec![0, 0x88, 0, 0x81, 34, 16];
    authenticate.extend_from_slice(v.rand.octets());
    authenticate.push(16);
    authenticate.extend_from_slice(v.autn.octets());
    let [0x61, length] = reader.ask(&authenticate)[..] else {
        panic!("no 61xx")
    };
    let answer = reader.ask(&[0, 0xc0, 0, 0, length]);
    let found = answer.windows(16).any(|part| part == v.ck.expose());
    assert!(found, "CK passed");
    let (_, said) = card.stop();
    assert!(said.contains("card 1: VERIFY PIN 1 → done"), "{said}");
    assert!(
        said.contains("card 1: AUTHENTICATE 3G: RAND, AUTN → RES 8 octets, CK and IK"),
        "{said}"
    );
    let mut canaries = tests::canary::Canaries::default();
    for (name, secret) in [
        ("PIN", &b"86420975"[..]),
        ("K", &crate::K),
        ("OPc", &crate::OPC),
        ("RES", v.xres.expose()),
        ("CK", v.ck.expose()),
        ("IK", v.ik.expose()),
    ] {
        canaries.add(name, secret);
    }
    assert_eq!(canaries.found_in(said.as_bytes()), Vec::<String>::new());
}
