//! The Diameter server under pipelined requests: MAR to MAA over one connection on loopback, CPU of the server.
//!
//! `cargo bench -p gba-net --bench diameter`. Each server is a process of its own with one thread; the client keeps 200
//! requests under way. Ours is [`net::diameter::serve`] with a handler that reads the MAR typed and checked and writes a
//! typed MAA with a vector that is at hand. The raw one reads what is there, cuts it by the lengths in the heads, copies
//! one ready answer for each with the identifiers of its request, and writes all of a read in one go: no AVP is looked
//! at.
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
    peer::{Known, Local, Output, Peer, Timers},
};
use gba::zh::{Authentication, MultimediaAuthAnswer, MultimediaAuthRequest, Scheme, fault_answer};
use net::{
    accept,
    diameter::{Config, PeerIdentity, Role, Rule, serve},
};

#[path = "../../benches/pairs.rs"]
mod pairs;

const PAIRS: usize = 15;
const REQUESTS: u32 = 60_000;
const WINDOW: u32 = 200;

/// CPU of the raw server by that of ours. Missed by far: docs/performance.md says why.
const GOAL: f64 = 0.3;
/// What the gate holds meanwhile.
const HELD: f64 = 0.025;

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

fn maa(asked: &Message, origin: &Origin) -> Message {
    let request = match MultimediaAuthRequest::parse(asked) {
        Ok(request) => request,
        Err(fault) => return fault_answer(asked, origin, &fault),
    };
    MultimediaAuthAnswer::Ok(Authentication {
        impi: Some(request.impi),
        vectors: vec![Vector {
            rand: Rand::from([1; 16]),
            autn: Autn::from([2; 16]),
            xres: Res::new(&[3; 8]).expect("eight octets"),
            ck: Secret::new([4; 16]),
            ik: Secret::new([5; 16]),
        }],
        guss: None,
    })
    .to_message(asked, origin)
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
        let config = Config::new(hss(), vec![ZH], vec![rule]);
        let origin = hss();
        let handler = move |_: PeerIdentity, asked: Message| std::future::ready(maa(&asked, &origin));
        let (_stopper, stop) = accept::stop();
        serve(listener, config, stop, handler).await.expect("loopback");
    });
}

fn raw(listener: &TcpListener) {
    for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        let answer = maa(&mar(), &hss()).encode();
        let mut read = vec![0; 256 * 1024];
        let (mut filled, mut out) = (0, Vec::new());
        loop {
            match stream.read(&mut read[filled..]) {
                Ok(0) | Err(_) => break,
                Ok(n) => filled += n,
            }
            let mut at = 0;
            while let Some(len) = length(&read[at..filled]).filter(|len| at + len <= filled) {
                let start = out.len();
                out.extend_from_slice(&answer);
                out[start + 12..start + 20].copy_from_slice(&read[at + 12..at + 20]);
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
        "diameter server: {us:.0} ns CPU for an MAR of {} octets and its MAA of {answer}, a raw loop {them:.0} ns, median ratio {raw:.2} (goal {GOAL}, held {HELD})",
        ours.request.len()
    );
    pairs::verdict(raw >= HELD)
}
