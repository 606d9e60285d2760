//! A served card that is killed under load, many times: no sequence number is accepted twice, no counter of a PIN goes
//! back; one process has a card at a time; what a damaged state is answered with.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use aka::{Algorithm as _, Amf, Milenage, Rand, Sqn};
use base::{Secret, hex};

const PROFILE: &str = "imsi = \"001010123456789\"\nmnc_length = 2\niccid = \"8988211000000000017\"\n\
    [keys]\nk = \"465b5ce8b199b49faa5f0a2ee238a6bc\"\nopc = \"cd63cb71954a9f4e48a5994e37a02baf\"\n\
    [[pin]]\nkey = \"PIN1\"\nvalue = \"1234\"\npuk = \"12345678\"\n";

fn gba() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gba"))
}

/// A virtual reader, and the card that is in it.
struct Reader {
    listener: TcpListener,
    card: Option<(Child, TcpStream)>,
}

impl Reader {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { listener, card: None }
    }

    /// Starts a card from the state, which is power on for it.
    fn insert(&mut self, directory: &Path) {
        let child = gba()
            .args([
                "card",
                "serve",
                "--profile",
                "card.toml",
                "--state",
                "cards",
                "--vpcd",
            ])
            .arg(self.listener.local_addr().unwrap().to_string())
            .current_dir(directory)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        self.card = Some((child, stream));
        self.write(&[1]);
        assert_eq!(self.send("00a4040c10a0000000871002ffffffff8900000100"), "9000");
    }

    fn write(&mut self, frame: &[u8]) {
        let length = u16::try_from(frame.len()).unwrap().to_be_bytes();
        let stream = &mut self.card.as_mut().unwrap().1;
        stream.write_all(&[&length, frame].concat()).unwrap();
    }

    fn send(&mut self, apdu: &str) -> String {
        self.write(&hex::decode(apdu).unwrap());
        let stream = &mut self.card.as_mut().unwrap().1;
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).unwrap();
        hex::encode(answer)
    }

    /// The first octet of AUTHENTICATE's answer: DB accepted, DC not fresh.
    fn authenticate(&mut self, number: u64) -> String {
        let more = self.send(&authenticate(number));
        let length = more.strip_prefix("61").unwrap_or_else(|| panic!("{more}"));
        self.send(&format!("00c00000{length}"))[..2].to_owned()
    }

    /// Tries of PIN 1 that are left.
    fn tries(&mut self) -> u8 {
        let answer = self.send("00200001");
        answer
            .strip_prefix("63c")
            .unwrap_or_else(|| panic!("{answer}"))
            .parse()
            .unwrap()
    }

    /// kill -9.
    fn kill(&mut self) {
        let (mut child, _) = self.card.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.card.is_some() {
            self.kill();
        }
    }
}

/// AUTHENTICATE with the n-th sequence number of IND 0.
fn authenticate(number: u64) -> String {
    let k = Secret::new(hex::array("465b5ce8b199b49faa5f0a2ee238a6bc").unwrap());
    let opc = Secret::new(hex::array("cd63cb71954a9f4e48a5994e37a02baf").unwrap());
    let sqn = Sqn::from_parts(number, 0, 5).unwrap();
    let rand = Rand::from([number.to_le_bytes()[0]; 16]);
    let vector = Milenage::new(&k, &opc).vector(&rand, sqn, Amf::new([0, 0]));
    format!("008800812210{rand}10{}", vector.autn)
}

const RIGHT: &str = "002000010831323334ffffffff";
const WRONG: &str = "002000010839393939ffffffff";

//= CARD-STATE-r1
#[test]
fn a_card_killed_under_load_takes_no_number_twice_and_no_counter_goes_back() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("card.toml"), PROFILE).unwrap();
    let mut reader = Reader::new();
    // The last number whose answer came, and whether the next one was under way.
    let (mut number, mut under_way, mut tries) = (0, false, 3);
    for round in 0..40 {
        reader.insert(dir.path());
        assert_eq!(
            reader.tries(),
            tries,
            "round {round}: the counter is not as it was answered"
        );
        assert_eq!(reader.send(RIGHT), "9000");
        assert_eq!(
            reader.authenticate(number),
            "dc",
            "round {round}: number {number} was taken again"
        );
        if under_way {
            // Accepted before, or not at all.
            let answer = reader.authenticate(number + 1);
            assert!(answer == "db" || answer == "dc", "round {round}: {answer}");
            number += 1;
        }
        for _ in 0..round % 7 {
            number += 1;
            assert_eq!(
                reader.authenticate(number),
                "db",
                "round {round}, number {number}"
            );
            assert_eq!(
                reader.authenticate(number),
                "dc",
                "round {round}, number {number}"
            );
        }
        tries = 3 - round % 3;
        for left in (tries..3).rev() {
            assert_eq!(reader.send(WRONG), format!("63c{left}"));
        }
        // A wrong PIN has taken the right to authenticate away.
        under_way = tries == 3;
        if under_way {
            reader.write(&hex::decode(&authenticate(number + 1)).unwrap());
        }
        reader.kill();
    }
    assert!(number > 40);
    let file = std::fs::metadata(dir.path().join("cards/8988211000000000017.card")).unwrap();
    assert!(file.len() <= 4096, "{} octets", file.len());
}

//= CARD-STATE-r4
#[test]
fn a_second_process_and_a_damaged_state_are_told() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("card.toml"), PROFILE).unwrap();
    let mut reader = Reader::new();
    reader.insert(dir.path());
    let serve = |arguments: &[&str]| {
        let out = gba()
            .args(["card", "serve", "--vpcd", "127.0.0.1:9", "--state", "cards"])
            .args(arguments)
            .current_dir(dir.path())
            .output()
            .unwrap();
        (out.status.code(), String::from_utf8(out.stderr).unwrap())
    };
    let (code, why) = serve(&["--profile", "card.toml"]);
    assert!(
        code == Some(2) && why.contains("in use by another process"),
        "{why}"
    );
    assert_eq!(reader.send(RIGHT), "9000");
    assert_eq!(reader.send(WRONG), "63c2");
    reader.kill();

    let (code, why) = serve(&[]);
    assert!(code == Some(2) && why.contains("random keys"), "{why}");
    let other = PROFILE.replace("465b5ce8", "465b5ce9");
    std::fs::write(dir.path().join("other.toml"), other).unwrap();
    let (code, why) = serve(&["--profile", "other.toml"]);
    assert!(code == Some(2) && why.contains("another IMSI, K, OPc"), "{why}");

    let export = gba()
        .args(["card", "profile", "export", "card.toml", "--state", "cards"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8(export.stdout).unwrap();
    assert!(
        export.status.success() && text.contains("tries = 2") && !text.contains("465b"),
        "{text}"
    );

    // Another command goes on from there.
    let read = |state: &[&str]| {
        let out = gba()
            .args(["card", "info", "--card", "software:card.toml"])
            .args(state)
            .current_dir(dir.path())
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    let (new, used) = (read(&[]), read(&["--card-state", "cards"]));
    assert!(!new.is_empty() && new != used, "{new}\n{used}");

    let path = dir.path().join("cards/8988211000000000017.card");
    let mut octets = std::fs::read(&path).unwrap();
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    std::fs::write(&path, &octets).unwrap();
    let (code, why) = serve(&["--profile", "card.toml"]);
    assert!(
        code == Some(2) && why.contains("is damaged") && why.contains("Restore it"),
        "{why}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), octets);
}

/// What the documentation tells a person to type.
#[test]
fn the_example_is_good_and_a_mistake_has_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let out = gba()
            .args(["card", "profile"])
            .args(arguments)
            .current_dir(dir.path())
            .output()
            .unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        (out.status.code(), text(out.stdout), text(out.stderr))
    };
    let (code, example, _) = run(&["example"]);
    assert_eq!(code, Some(0));
    std::fs::write(dir.path().join("card.toml"), &example).unwrap();
    let (code, told, why) = run(&["check", "card.toml"]);
    assert!(
        code == Some(0) && told.contains("good: IMSI 001010123456789"),
        "{told}{why}"
    );
    let (code, told, _) = run(&["check", "card.toml", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (code, told["iccid"].as_str()),
        (Some(0), Some("8988211000000000017"))
    );
    std::fs::write(
        dir.path().join("card.toml"),
        example.replace("naf_records", "naf_record"),
    )
    .unwrap();
    let (code, _, why) = run(&["check", "card.toml"]);
    assert!(
        code == Some(2) && why.contains("did you mean `naf_records`?"),
        "{why}"
    );
    let (code, _, why) = run(&["check", "ts4"]);
    assert!(code == Some(2) && why.contains("did you mean `ts48`?"), "{why}");
    let (code, list, _) = run(&["list"]);
    assert!(
        code == Some(0) && ["gba", "m2m", "ts48"].iter().all(|name| list.contains(name)),
        "{list}"
    );
}
