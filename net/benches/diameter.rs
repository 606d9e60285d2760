//! The Diameter server under pipelined requests: MAR to MAA over one connection on loopback, CPU of the server.
//!
//! `cargo bench -p gba-net --bench diameter`. Each server is a process of its own with one thread; the client keeps 200
//! requests under way. Ours is [`net::diameter::serve_usual`] with a handler that reads the MAR checked and writes a MAA
//! with a vector that is at hand, by their octets as the HSS does. The raw one reads what is there, walks over every AVP of each request, builds
//! the same MAA AVP by AVP around the session and the user name that it met, and writes all of a read in one go: nothing
//! is checked or kept, and nobody but this client can talk to it.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and may stop"
)]

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, ExitCode, Stdio},
    sync::Arc,
    time::Duration,
};

use aka::{Autn, Rand, Res, Vector};
use base::{Now, Secret};
use diameter::{
    Identity, Message, Origin,
    dictionary::ZH,
    layout::{Any, Block, Out},
    peer::{Known, Local, Output, Peer, Timers},
};
use gba::zh::{
    Authentication, MultimediaAuthAnswer, MultimediaAuthRequest, Scheme, fault_answer,
    view::{Item, Maa, Mar, Success, UserName},
};
use net::{
    accept,
    diameter::{Config, PeerIdentity, Role, Roster, Rule, serve_usual},
};

#[path = "../../benches/pairs.rs"]
mod pairs;

const PAIRS: usize = 15;
const REQUESTS: u32 = 60_000;
const WINDOW: u32 = 200;

/// CPU of the raw server by that of ours.
const GOAL: f64 = 0.3;

fn name(text: &str) -> Identity {
    text.parse().expect("a name")
}

fn bsf() -> Origin {
    Origin {
        host: name("bsf.mnc001.mcc001.3gppnetwork.org"),
        realm: name("mnc001.mcc001.3gppnetwork.org"),
    }
}

fn hss() -> Origin {
    Origin {
        host: name("hss.mnc001.mcc001.3gppnetwork.org"),
        realm: name("mnc001.mcc001.3gppnetwork.org"),
    }
}

fn mar() -> Message {
    let (bsf, hss) = (bsf(), hss());
    MultimediaAuthRequest {
        session_id: "bsf.mnc001.mcc001.pub.3gppnetwork.org;1800000000;1234".to_owned(),
        origin_host: bsf.host,
        origin_realm: bsf.realm,
        destination_realm: hss.realm,
        destination_host: Some(hss.host),
        impi: "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
            .parse()
            .expect("an IMPI"),
        public_identity: None,
        scheme: Some(Scheme::DigestAkaV1Md5),
        resync: None,
        guss_timestamp: None,
    }
    .to_message()
}

fn vector() -> Vector {
    Vector {
        rand: Rand::from([1; 16]),
        autn: Autn::from([2; 16]),
        xres: Res::new(&[3; 8]).expect("eight octets"),
        ck: Secret::new([4; 16]),
        ik: Secret::new([5; 16]),
    }
}

fn maa(asked: &Message, origin: &Origin) -> Message {
    let request = match MultimediaAuthRequest::parse(asked) {
        Ok(request) => request,
        Err(fault) => return fault_answer(asked, origin, &fault),
    };
    MultimediaAuthAnswer::Ok(Authentication {
        impi: Some(request.impi),
        vectors: vec![vector()],
        guss: None,
    })
    .to_message(asked, origin)
}

/// The same by octets, as an HSS has it: what isn't borrowed waits for a vector.
fn usual(
    octets: &[u8],
    from: &Arc<[u8]>,
) -> Option<impl Future<Output = impl FnOnce(&mut Out) + use<>> + use<>> {
    let (ids, mar) = Mar::read(octets)?;
    let (session, impi, from) = (
        mar.session_id.octets().to_vec(),
        mar.impi.impi()?,
        Arc::clone(from),
    );
    Some(async move {
        let vector = vector();
        move |out: &mut Out| {
            let maa = Maa {
                session_id: Any::of(&session),
                from: Block::ready(&from),
                impi: Some(UserName::of(&impi)),
                item: Item::of(&vector),
                guss: None,
            };
            out.write(maa, ids);
        }
    })
}

/// Length of the first message, if its head is there.
fn length(octets: &[u8]) -> Option<usize> {
    let [_, a, b, c] = *octets.first_chunk()?;
    Some(u32::from_be_bytes([0, a, b, c]) as usize)
}

/// Serves until it is killed; prints its port.
fn server(which: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("{}", listener.local_addr().expect("an address").port());
    match which {
        "raw" => raw(&listener),
        _ => ours(listener),
    }
}

fn ours(listener: TcpListener) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a socket");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
        let rule = Rule {
            host: bsf().host,
            role: Role::Bsf,
        };
        let roster = Roster::new([rule], None);
        let config = Config::new(hss(), vec![ZH], Vec::new());
        let from: Arc<[u8]> = Block::octets_of(Success::origin(&hss())).into();
        let origin = hss();
        let handler = move |_: PeerIdentity, asked: Message| std::future::ready(maa(&asked, &origin));
        let (_stopper, stop) = accept::stop();
        let usual = move |_: &PeerIdentity, octets: &[u8]| usual(octets, &from);
        serve_usual(listener, config, roster, stop, usual, handler)
            .await
            .expect("loopback");
    });
}

/// An AVP as the raw loop has it; a group has the AVPs inside.
struct Part {
    code: u32,
    flags: u8,
    vendor: Option<u32>,
    value: Vec<u8>,
    inside: Vec<Part>,
}

/// Walks over AVPs, and into groups; tells of each.
fn walk<'a>(mut left: &'a [u8], each: &mut impl FnMut(u32, u8, Option<u32>, &'a [u8])) {
    while let Some((head, rest)) = left.split_first_chunk::<8>() {
        let [c0, c1, c2, c3, flags, l0, l1, l2] = *head;
        let (code, length) = (
            u32::from_be_bytes([c0, c1, c2, c3]),
            u32::from_be_bytes([0, l0, l1, l2]) as usize,
        );
        let (head, vendor, rest) = match rest.split_first_chunk::<4>() {
            Some((vendor, rest)) if flags & 0x80 != 0 => (12, Some(u32::from_be_bytes(*vendor)), rest),
            _ => (8, None, rest),
        };
        let size = length - head;
        let (value, rest) = rest.split_at(size);
        each(code, flags, vendor, value);
        if grouped(vendor, code) {
            walk(value, each);
        }
        left = &rest[size.next_multiple_of(4) - size..];
    }
}

/// Vendor-Specific-Application-Id and SIP-Auth-Data-Item.
const fn grouped(vendor: Option<u32>, code: u32) -> bool {
    matches!((vendor, code), (None, 260) | (Some(10415), 612))
}

/// The AVPs of a message, to be built again.
fn parts(message: &[u8]) -> Vec<Part> {
    fn of(octets: &[u8]) -> Vec<Part> {
        let (mut all, mut skip) = (Vec::new(), 0_usize);
        walk(octets, &mut |code, flags, vendor, value| {
            if skip > 0 {
                skip -= 1;
                return;
            }
            let inside = if grouped(vendor, code) {
                of(value)
            } else {
                Vec::new()
            };
            skip = inside.len();
            all.push(Part {
                code,
                flags,
                vendor,
                value: value.to_vec(),
                inside,
            });
        });
        all
    }
    of(&message[20..])
}

/// Writes one AVP: its head, then its value or the AVPs inside, then its padding.
fn write(part: &Part, value: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&part.code.to_be_bytes());
    out.extend_from_slice(&[part.flags, 0, 0, 0]);
    if let Some(vendor) = part.vendor {
        out.extend_from_slice(&vendor.to_be_bytes());
    }
    if part.inside.is_empty() {
        out.extend_from_slice(value);
    } else {
        part.inside
            .iter()
            .for_each(|inner| write(inner, &inner.value, out));
    }
    let length = u32::try_from(out.len() - start).expect("short").to_be_bytes();
    out[start + 5..start + 8].copy_from_slice(&length[1..]);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The MAA to one request, at the end of `out`.
fn build(ready: &[Part], request: &[u8], out: &mut Vec<u8>) {
    let (mut session, mut user): (&[u8], &[u8]) = (&[], &[]);
    let mut met = 0_u32;
    walk(&request[20..], &mut |code, _, vendor, value| {
        met = met.wrapping_add(code);
        match (vendor, code) {
            (None, 263) => session = value,
            (None, 1) => user = value,
            _ => {}
        }
    });
    std::hint::black_box(met);
    let start = out.len();
    out.extend_from_slice(&request[..20]);
    out[start + 4] &= 0x7f;
    for part in ready {
        let value = match (part.vendor, part.code) {
            (None, 263) => session,
            (None, 1) => user,
            _ => &part.value,
        };
        write(part, value, out);
    }
    let length = u32::try_from(out.len() - start).expect("short").to_be_bytes();
    out[start + 1..start + 4].copy_from_slice(&length[1..]);
}

fn raw(listener: &TcpListener) {
    for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        // What doesn't depend on the request, as AVPs' heads and values.
        let ready = parts(&maa(&mar(), &hss()).encode());
        let mut read = vec![0; 256 * 1024];
        let (mut filled, mut out) = (0, Vec::new());
        loop {
            match stream.read(&mut read[filled..]) {
                Ok(0) | Err(_) => break,
                Ok(n) => filled += n,
            }
            let mut at = 0;
            while let Some(len) = length(&read[at..filled]).filter(|len| at + len <= filled) {
                build(&ready, &read[at..at + len], &mut out);
                at += len;
            }
            read.copy_within(at..filled, 0);
            filled -= at;
            if stream.write_all(&out).is_err() {
                break;
            }
            out.clear();
        }
    }
}

/// A server's process and a connection to it, with capabilities exchanged.
struct Bench {
    process: Child,
    stream: TcpStream,
    request: Vec<u8>,
    read: Vec<u8>,
    filled: usize,
}

impl Bench {
    fn start(mut command: Command, request: Vec<u8>) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("a server");
        let mut line = String::new();
        let printed = process.stdout.take().expect("piped");
        BufReader::new(printed).read_line(&mut line).expect("its port");
        let address = SocketAddr::from(([127, 0, 0, 1], line.trim().parse().expect("a port")));
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("an option");
        let mut bench = Self {
            process,
            stream,
            request,
            read: vec![0; 256 * 1024],
            filled: 0,
        };
        let local = Local {
            origin: bsf(),
            addresses: vec![address.ip()],
            product: "bench".into(),
            origin_state_id: 1,
            applications: vec![ZH],
        };
        let (local, known) = (Arc::new(local), Arc::new(Known::new([])));
        let mut peer = Peer::initiator(local, known, Timers::default(), Now::default(), 1);
        let Output::Send(cer) = peer.poll() else {
            panic!("who calls sends a CER");
        };
        bench.stream.write_all(&cer.encode()).expect("a CER");
        while bench.answers() == 0 {}
        bench
    }

    /// How many answers came with one read.
    fn answers(&mut self) -> u32 {
        let n = self.stream.read(&mut self.read[self.filled..]).expect("answers");
        assert!(n > 0, "the server has gone");
        self.filled += n;
        let (mut at, mut count) = (0, 0);
        while let Some(len) = length(&self.read[at..self.filled]).filter(|len| at + len <= self.filled) {
            at += len;
            count += 1;
        }
        self.read.copy_within(at..self.filled, 0);
        self.filled -= at;
        count
    }

    /// Octets of the answer to one request, which has to be a success.
    fn check(&mut self) -> usize {
        self.stream.write_all(&self.request).expect("a request");
        let n = self.stream.read(&mut self.read).expect("an answer");
        let octets = self.read.get(..n).expect("an answer");
        let result = Message::parse(octets).expect("an answer").result();
        assert!(result.is_ok_and(diameter::ResultCode::is_success));
        n
    }

    /// Nanoseconds on the processor so far: the one thread of the server.
    fn cpu(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/schedstat", self.process.id())).expect("Linux");
        let first = stat.split(' ').next().and_then(|ns| ns.parse().ok());
        first.expect("a number")
    }

    /// CPU of the server for each of so many requests, in nanoseconds.
    fn run(&mut self, requests: u32) -> f64 {
        let before = self.cpu();
        let (mut sent, mut answered, mut out) = (0_u32, 0, Vec::new());
        while answered < requests {
            out.clear();
            while sent < requests && sent - answered < WINDOW {
                let start = out.len();
                out.extend_from_slice(&self.request);
                out[start + 12..start + 16].copy_from_slice(&sent.to_be_bytes());
                out[start + 16..start + 20].copy_from_slice(&sent.to_be_bytes());
                sent += 1;
            }
            self.stream.write_all(&out).expect("requests");
            answered += self.answers();
        }
        let spent = self.cpu() - before;
        Duration::from_nanos(spent).as_secs_f64() * 1e9 / f64::from(requests)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Median of the pairs' ratios theirs by ours, and both times.
fn compare(ours: &mut Bench, theirs: &mut Bench) -> (f64, f64, f64) {
    let (mut a, mut b, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    ours.run(REQUESTS);
    theirs.run(REQUESTS);
    for pair in 0..PAIRS {
        let (x, y) = if pair % 2 == 0 {
            let x = ours.run(REQUESTS);
            (x, theirs.run(REQUESTS))
        } else {
            let y = theirs.run(REQUESTS);
            (ours.run(REQUESTS), y)
        };
        a.push(x);
        b.push(y);
        ratios.push(y / x);
    }
    (
        pairs::median(&mut ratios),
        pairs::median(&mut a),
        pairs::median(&mut b),
    )
}

fn own(which: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(["--server", which]);
    command
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--server") {
        server(args.get(at + 1).map_or("", String::as_str));
        return ExitCode::SUCCESS;
    }
    let mut ours = Bench::start(own("ours"), mar().encode());
    let answer = ours.check();
    let (raw, us, them) = compare(&mut ours, &mut Bench::start(own("raw"), mar().encode()));
    println!(
        "diameter server: {us:.0} ns CPU for an MAR of {} octets and its MAA of {answer}, a raw loop {them:.0} ns, median ratio {raw:.2} (goal {GOAL})",
        ours.request.len()
    );
    pairs::verdict(raw >= GOAL)
}
