//! A capture written, then read back block by block with a reader of these tests' own.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex, mpsc},
};

use super::*;

/// A file in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A block read back: its type, its body.
struct Block(u32, Vec<u8>);

fn u32_at(octets: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(octets[at..at + 4].try_into().unwrap())
}

fn blocks(mut file: &[u8]) -> Vec<Block> {
    let mut found = Vec::new();
    while !file.is_empty() {
        let (kind, whole) = (u32_at(file, 0), u32_at(file, 4) as usize);
        assert_eq!(whole % 4, 0, "blocks end at four octets");
        assert_eq!(u32_at(file, whole - 4) as usize, whole, "the length stands twice");
        found.push(Block(kind, file[8..whole - 4].to_vec()));
        file = &file[whole..];
    }
    found
}

/// A TCP segment read back.
#[derive(Debug)]
struct Read {
    from: u16,
    to: u16,
    sequence: u32,
    acknowledged: u32,
    flags: u8,
    payload: Vec<u8>,
    at: u64,
    comment: Option<String>,
}

fn segments(blocks: &[Block]) -> Vec<Read> {
    let packets = blocks.iter().filter(|Block(kind, _)| *kind == 6);
    packets.map(|Block(_, body)| segment(body)).collect()
}

fn segment(body: &[u8]) -> Read {
    let at = u64::from(u32_at(body, 4)) << 32 | u64::from(u32_at(body, 8));
    let length = u32_at(body, 12) as usize;
    assert_eq!(length, u32_at(body, 16) as usize);
    let (packet, options) = body[20..].split_at(length);
    let options = &options[length.next_multiple_of(4) - length..];
    let comment = (!options.is_empty()).then(|| {
        assert_eq!(options[..2], [1, 0], "a comment");
        let length = usize::from(u16::from_le_bytes([options[2], options[3]]));
        String::from_utf8(options[4..4 + length].to_vec()).unwrap()
    });
    let tcp = &packet[if packet[0] == 0x45 { 20 } else { 40 }..];
    let u16_at = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    let word = |at: usize| u32::from_be_bytes(tcp[at..at + 4].try_into().unwrap());
    Read {
        from: u16_at(0),
        to: u16_at(2),
        sequence: word(4),
        acknowledged: word(8),
        flags: tcp[13],
        payload: tcp[usize::from(tcp[12] >> 4) * 4..].to_vec(),
        at,
        comment,
    }
}

/// What one port has sent to another, put together by sequence numbers as a receiver would; holes are zeros.
fn stream(read: &[Read], from: u16, to: u16) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut first = None;
    for segment in read.iter().filter(|s| (s.from, s.to) == (from, to)) {
        let first = *first.get_or_insert(segment.sequence);
        if segment.payload.is_empty() {
            continue;
        }
        let at = segment.sequence.wrapping_sub(first) as usize - 1;
        assert!(at >= octets.len(), "octets are there once");
        octets.resize(at, 0);
        octets.extend(&segment.payload);
    }
    octets
}

const CLIENT: &str = "127.0.0.1:40000";
const SERVER: &str = "127.0.0.1:3868";

/// Both ends of a new connection: the client's, the server's.
fn both() -> (Connection, Connection) {
    let (client, server) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    (Connection::new(client, server), Connection::new(server, client))
}

fn capture(story: impl FnOnce(&Recorder)) -> (Vec<Block>, Report) {
    let memory = Memory::default();
    let (recorder, recording) = record(memory.clone()).unwrap();
    story(&recorder);
    let report = recording.finish().unwrap();
    let file = memory.0.lock().unwrap();
    (blocks(&file), report)
}

fn sent(tap: &Recorder, connection: &Connection, octets: &[u8]) {
    tap.octets(connection, Direction::Sent, WireBytes::new(octets));
}

fn received(tap: &Recorder, connection: &Connection, octets: &[u8]) {
    tap.octets(connection, Direction::Received, WireBytes::new(octets));
}

#[test]
fn the_head_says_that_the_file_holds_keys() {
    let (blocks, report) = capture(|_| {});
    assert_eq!(blocks.len(), 2);
    let Block(kind, head) = &blocks[0];
    assert_eq!((*kind, u32_at(head, 0)), (0x0a0d_0d0a, 0x1a2b_3c4d));
    assert!(String::from_utf8_lossy(head).contains("Holds keys in clear"));
    let Block(kind, interface) = &blocks[1];
    assert_eq!((*kind, &interface[..2]), (1, &101_u16.to_le_bytes()[..]));
    assert_eq!(report, Report::default());
}

#[test]
fn octets_that_both_ends_tell_are_written_once_and_as_soon_as_one_has_told_them() {
    let (blocks, report) = capture(|tap| {
        let (client, server) = both();
        tap.endpoint(SERVER.parse().unwrap(), "HSS Zh");
        // The server's task comes first, and reads in two pieces what was written in one.
        received(tap, &server, b"que");
        sent(tap, &client, b"question");
        received(tap, &server, b"stion");
        sent(tap, &server, b"answer");
        received(tap, &client, b"answer");
        for way in [Direction::Sent, Direction::Received] {
            tap.ended(&client, way);
            tap.ended(&server, way);
        }
    });
    let read = segments(&blocks);
    assert_eq!(stream(&read, 40000, 3868), b"question");
    assert_eq!(stream(&read, 3868, 40000), b"answer");
    let flags: Vec<_> = read.iter().map(|s| (s.from, s.flags)).collect();
    let (client, server) = (40000, 3868);
    assert_eq!(
        flags,
        [
            (client, 0x02), // SYN
            (server, 0x12),
            (client, 0x10),
            (client, 0x18), // que
            (client, 0x18), // stion
            (server, 0x18),
            (client, 0x11), // FIN
            (server, 0x10),
            (server, 0x11),
            (client, 0x10),
        ]
    );
    assert_eq!(read[0].comment.as_deref(), Some("HSS Zh"));
    assert_eq!(read.iter().filter(|s| s.comment.is_some()).count(), 1);
    assert!(read.is_sorted_by_key(|s| s.at), "times go up");
    assert_eq!((report.packets, report.connections, report.dropped), (10, 1, 0));
}

/// What each end acknowledges is what the other has sent before, SYN and FIN counted.
#[test]
fn acknowledgements_follow_what_the_other_end_has_sent() {
    let (blocks, _) = capture(|tap| {
        let (client, _) = both();
        sent(tap, &client, b"question");
        received(tap, &client, b"answer");
        tap.ended(&client, Direction::Sent);
        tap.ended(&client, Direction::Received);
    });
    let mut next: HashMap<u16, u32> = HashMap::new();
    for segment in segments(&blocks) {
        let own = *next.entry(segment.from).or_insert(segment.sequence);
        assert_eq!(segment.sequence, own);
        let other = next.get(&segment.to).copied().unwrap_or_default();
        assert_eq!(segment.acknowledged, other, "{segment:?}");
        let flags = u32::from(segment.flags & 1) + u32::from(segment.flags >> 1 & 1);
        let length = u32::try_from(segment.payload.len()).unwrap() + flags;
        next.insert(segment.from, segment.sequence + length);
    }
}

#[test]
fn a_tls_secret_stands_once_before_what_it_opens() {
    let line = secret(7);
    let (blocks, _) = capture(|tap| {
        let (client, _) = both();
        sent(tap, &client, b"hello");
        tap.tls_secret(&line);
        sent(tap, &client, b"encrypted");
        tap.tls_secret(&line);
    });
    let kinds: Vec<_> = blocks.iter().skip(2).map(|Block(kind, _)| *kind).collect();
    assert_eq!(kinds, [6, 6, 6, 6, 10, 6]);
    let Block(_, secrets) = &blocks[6];
    assert_eq!(&secrets[..4], b"KSLT", "TLSK in little-endian order");
    let length = u32_at(secrets, 4) as usize;
    assert_eq!(&secrets[8..8 + length], format!("{line}\n").as_bytes());
}

/// The line of a key log for a client whose random is 32 times this octet.
fn secret(random: u8) -> String {
    format!(
        "CLIENT_RANDOM {} 445566778899",
        format!("{random:02x}").repeat(32)
    )
}

/// A ClientHello.
fn hello(random: u8) -> Vec<u8> {
    [&[22, 3, 1, 0, 38, 1, 0, 0, 34, 3, 3][..], &[random; 32]].concat()
}

/// A server alone: its OpenSSL has read what is encrypted before it tells the secret.
#[test]
fn what_a_late_secret_opens_waits_for_it() {
    let other: Connection = Connection::new(SERVER.parse().unwrap(), "127.0.0.1:50000".parse().unwrap());
    let late_line = secret(7).replace("CLIENT_RANDOM", "CLIENT_TRAFFIC_SECRET_0");
    for (early, last) in [
        (secret(8), secret(7)),
        (secret(7).replace("_RANDOM", "_EARLY"), late_line),
    ] {
        let (blocks, _) = capture(|tap| {
            let (_, server) = both();
            received(tap, &server, &hello(7));
            sent(tap, &server, b"server");
            received(tap, &server, b"encrypted");
            received(tap, &other, b"meanwhile");
            // Somebody else's, or of this connection but not all that it needs.
            tap.tls_secret(&early);
            tap.tls_secret(&last);
            sent(tap, &server, b"finished");
        });
        let kinds: Vec<_> = blocks.iter().skip(2).map(|Block(kind, _)| *kind).collect();
        // TCP's handshake and the hello; the secrets; server, encrypted, the other connection, finished.
        assert_eq!(kinds, [6, 6, 6, 6, 10, 10, 6, 6, 6, 6, 6, 6, 6]);
        let payloads = segments(&blocks).into_iter().map(|s| s.payload);
        let said: Vec<_> = payloads.filter(|p| !p.is_empty()).collect();
        let order = [&hello(7)[..], b"server", b"encrypted", b"meanwhile", b"finished"];
        assert_eq!(said, order);
    }
}

#[test]
fn nothing_waits_for_a_secret_for_ever() {
    // The handshake broke off; and the capture ended in the middle of it.
    for breaks_off in [true, false] {
        let (blocks, _) = capture(|tap| {
            let (_, server) = both();
            received(tap, &server, &hello(7));
            sent(tap, &server, b"server");
            if breaks_off {
                tap.ended(&server, Direction::Sent);
            }
        });
        let flags: Vec<_> = segments(&blocks).iter().map(|s| s.flags).collect();
        let end: &[u8] = if breaks_off { &[0x11, 0x10] } else { &[] };
        assert_eq!(flags, [&[0x02, 0x12, 0x10, 0x18, 0x18], end].concat());
    }
}

#[test]
fn addresses_that_are_used_again_are_another_connection() {
    let (blocks, report) = capture(|tap| {
        for octets in [b"first", b"other"] {
            let (client, server) = both();
            sent(tap, &client, octets);
            received(tap, &server, octets);
            tap.ended(&client, Direction::Sent);
            tap.ended(&server, Direction::Sent);
        }
    });
    let read = segments(&blocks);
    assert_eq!(report.connections, 2);
    assert_eq!(read.iter().filter(|s| s.flags == 0x02).count(), 2);
    let payloads: Vec<_> = read.iter().filter(|s| !s.payload.is_empty()).collect();
    assert_eq!(payloads.len(), 2);
}

#[test]
fn more_octets_than_a_packet_holds_become_several() {
    let much: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let (blocks, _) = capture(|tap| sent(tap, &both().0, &much));
    let read = segments(&blocks);
    assert_eq!(stream(&read, 40000, 3868), much);
    assert!(read.iter().all(|s| s.payload.len() < 65_496));
}

#[test]
fn a_diameter_connection_is_known_by_its_first_message() {
    let cer = [1, 0, 0, 20, 0x80, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
    let (_, report) = capture(|tap| {
        tap.endpoint(SERVER.parse().unwrap(), "HSS Zh");
        sent(tap, &both().0, &cer);
        let http: Connection = Connection::new(CLIENT.parse().unwrap(), "127.0.0.1:80".parse().unwrap());
        sent(tap, &http, b"GET / HTTP/1.1\r\n");
    });
    assert_eq!(report.diameter, BTreeMap::from([(3868, "HSS Zh".into())]));
}

/// A file that takes nothing until it is let.
struct Held(mpsc::Receiver<()>, Memory, mpsc::Sender<()>);

impl Write for Held {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.1.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.2.send(());
        // Once its other side is gone, nothing holds it.
        let _ = self.0.recv();
        Ok(())
    }
}

#[test]
fn a_full_channel_counts_and_drops_and_leaves_a_hole_of_the_right_size() {
    let (go, held) = mpsc::channel();
    let memory = Memory::default();
    let (holds, held_now) = mpsc::channel();
    let (recorder, recording) = record(Held(held, memory.clone(), holds)).unwrap();
    let (client, _) = both();
    let piece = [7; 100];
    // Once the writer is held it takes nothing more, so that the channel fills up and what is dropped is one hole.
    sent(&recorder, &client, &piece);
    held_now.recv().unwrap();
    let mut told = 1_u64;
    while recorder.shared.dropped.load(Ordering::Relaxed) < 3 {
        sent(&recorder, &client, &piece);
        told += 1;
    }
    drop(go);
    while recorder.shared.waiting.load(Ordering::Relaxed) > 0 {
        thread::yield_now();
    }
    sent(&recorder, &client, &[8; 100]);
    let report = recording.finish().unwrap();
    assert_eq!(report.dropped, 3);
    let octets = stream(&segments(&blocks(&memory.0.lock().unwrap())), 40000, 3868);
    let hole = usize::try_from(told - 3).unwrap() * 100;
    assert!(octets[..hole].iter().all(|o| *o == 7));
    assert_eq!(octets[hole..hole + 300], [0; 300], "what was dropped");
    assert_eq!(octets[hole + 300..], [8; 100]);
}

#[test]
fn a_file_that_cannot_be_written_is_told_at_the_end() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            Ok(octets.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(ErrorKind::StorageFull.into())
        }
    }
    let (recorder, recording) = record(Full).unwrap();
    sent(&recorder, &both().0, b"octets");
    assert_eq!(recording.finish().unwrap_err().kind(), ErrorKind::StorageFull);
}

#[test]
fn ruling_35_a_capture_is_its_owners_alone_and_takes_no_files_place_unforced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcapng");
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    create(&path, false).unwrap();
    assert_eq!(mode(), 0o600);
    assert_eq!(create(&path, false).unwrap_err().kind(), ErrorKind::AlreadyExists);
    std::fs::write(&path, "notes").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    create(&path, true).unwrap();
    assert_eq!(mode(), 0o600, "not the rights of the earlier file");
    assert!(std::fs::read(&path).unwrap().is_empty());
    // A link's target is somebody else's.
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    std::fs::write(&target, "notes").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert_eq!(create(&link, false).unwrap_err().kind(), ErrorKind::AlreadyExists);
    create(&link, true).unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"notes");
    assert!(create(folder.path(), true).is_err(), "a folder stays");
}
