//! `gba card serve`: software cards in virtual readers, and one for terminals over TCP.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use base::{SecretBytes, hex};
use clap::Args;
use net::accept::{self, Limits, Stop, Stopper};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::Mutex,
    task::JoinSet,
    time::timeout,
};
use uicc::atr;

use super::{
    frames::{self, COMMAND, Incoming},
    gsmtap::Gsmtap,
    served::Served,
    soft::{self, Made, SoftArgs},
    token::{BUSY, End, GREETING, NONCE, PROOF, Token, WRONG_TOKEN, nonce},
};
use crate::{Failure, advice, config::checks::production_here};

/// Between two attempts to reach a reader.
const AGAIN: Duration = Duration::from_millis(300);

/// How long a terminal may take to show that it has the token.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How long an answer may wait for whoever asked: he is gone, or has stopped to read.
const SLOW: Duration = Duration::from_secs(30);

/// Terminals at once; all but one are told that the card is in use.
const TERMINALS: usize = 16;

/// The options of `gba card serve`.
#[derive(Args)]
pub(crate) struct ServeArgs {
    /// A virtual reader of pcscd (vpcd) to put a card into; repeat it for several readers.
    #[arg(long, value_name = "HOST:PORT", required_unless_present = "tcp")]
    vpcd: Vec<String>,
    /// Cards at each --vpcd: at PORT, PORT + 1 and so on. vpcd has two slots.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    count: u16,
    /// Serve a card to the terminals of other hosts, which say --card tcp:ADDR.
    #[arg(long, value_name = "IP:PORT")]
    tcp: Option<SocketAddr>,
    /// The file with the token that such a terminal must have; needed away from loopback.
    #[arg(long, value_name = "FILE", requires = "tcp")]
    token: Option<PathBuf>,
    /// Let terminals over TCP use administrative codes (ADM), which change everything on a card.
    #[arg(long, requires = "tcp")]
    tcp_adm: bool,
    /// What the cards are: the name of a built-in profile (`gba card profile list`) or a file.
    #[arg(long, value_name = "NAME|FILE", default_value = soft::DEFAULT)]
    profile: String,
    #[command(flatten)]
    soft: SoftArgs,
    /// Send each command with its answer to Wireshark: GSMTAP over UDP, also keys and PINs.
    #[arg(long, value_name = "HOST[:PORT]")]
    gsmtap: Option<String>,
    /// Print each command and its answer in words, without keys and PINs.
    #[arg(long)]
    trace: bool,
}

/// A line on standard output, for people and for scripts that wait for it.
pub(super) fn say(line: &str) {
    let mut out = anstream::stdout().lock();
    // A closed standard output must not stop a card.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Where a card goes.
enum Where {
    Reader(String),
    Terminals(TcpListener, Token),
}

pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let readers = args.readers().map_err(Failure::Unable)?;
    let token = args.token().map_err(Failure::Unable)?;
    let gsmtap = args.gsmtap().map_err(Failure::Unable)?;
    let cards = readers.len() + usize::from(args.tcp.is_some());
    let cards = soft::several(&args.profile, &args.soft, cards).map_err(Failure::Unable)?;
    if cards.iter().any(|card| card.random_keys) {
        advice::note(
            "the cards' keys are random, so no HSS knows them: give --k and --opc, or a profile with [keys]",
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Unable(format!("cannot start the runtime: {e}")))?;
    runtime.block_on(async {
        let mut places: Vec<Where> = readers.into_iter().map(Where::Reader).collect();
        if let Some(address) = args.tcp {
            let listener = TcpListener::bind(address).await;
            let listener =
                listener.map_err(|e| Failure::Unable(format!("cannot listen on {address}: {e}")))?;
            places.push(Where::Terminals(listener, token));
        }
        serve(args.trace, args.tcp_adm, cards, places, gsmtap).await
    })
}

impl ServeArgs {
    fn readers(&self) -> Result<Vec<String>, String> {
        let mut all = Vec::new();
        for reader in &self.vpcd {
            let (host, port) = reader
                .rsplit_once(':')
                .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)))
                .ok_or_else(|| format!("--vpcd {reader}: HOST:PORT expected, such as 127.0.0.1:35963"))?;
            for n in 0..self.count {
                let port = port.checked_add(n).ok_or_else(|| {
                    format!("--vpcd {reader}: --count {} goes beyond port 65535", self.count)
                })?;
                all.push(format!("{host}:{port}"));
            }
        }
        Ok(all)
    }

    /// Who isn't on this host must show that it may.
    fn token(&self) -> Result<Token, String> {
        if let Some(address) = self.tcp.filter(|a| !a.ip().is_loopback()) {
            if self.token.is_none() {
                return Err(format!("--tcp {address} isn't loopback: give --token FILE"));
            }
            advice::warn(
                "--tcp: the token keeps others out, but what passes is in clear; use a tunnel where others listen",
            );
        }
        Token::read(self.token.as_deref())
    }

    fn gsmtap(&self) -> Result<Option<Gsmtap>, String> {
        let Some(place) = &self.gsmtap else {
            return Ok(None);
        };
        if production_here() {
            return Err("--gsmtap sends keys over the network: not with production = true".into());
        }
        advice::warn("--gsmtap: PINs and keys go out in clear, as they are on the card's contacts");
        Gsmtap::to(place).map(Some)
    }
}

async fn serve(
    trace: bool,
    tcp_adm: bool,
    cards: Vec<Made>,
    places: Vec<Where>,
    gsmtap: Option<Gsmtap>,
) -> Result<(), Failure> {
    let unable = |e: io::Error| Failure::Unable(e.to_string());
    let mut interrupted = signal(SignalKind::interrupt()).map_err(unable)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(unable)?;
    let (stopper, _) = accept::stop();
    if let Some(address) = gsmtap.as_ref().and_then(|g| g.address().ok()) {
        say(&format!("gsmtap: to {address}"));
    }
    let mut tasks = JoinSet::new();
    for (number, (made, place)) in (1..).zip(cards.into_iter().zip(places)) {
        say(&format!(
            "card {number}: IMSI {}, ICCID {}, ATR {}",
            made.imsi.as_str(),
            made.iccid,
            hex::encode(atr::SOFTWARE)
        ));
        let gsmtap = gsmtap
            .as_ref()
            .map(Gsmtap::duplicate)
            .transpose()
            .map_err(unable)?;
        let mut card = Served::new(number, made.card, trace, gsmtap);
        card.administered = tcp_adm || matches!(place, Where::Reader(_));
        begin(&mut tasks, &stopper, card, place);
    }
    say("card: ready; Ctrl-C stops");
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    stopper.stop();
    let mut commands = 0;
    while let Some(done) = tasks.join_next().await {
        commands += done.unwrap_or(0);
    }
    say(&format!("card: stopped after {commands} commands"));
    Ok(())
}

fn begin(tasks: &mut JoinSet<u64>, stopper: &Stopper, card: Served, place: Where) {
    let stop = stopper.listener();
    match place {
        Where::Reader(address) => tasks.spawn(in_reader(card, address, stop)),
        Where::Terminals(listener, token) => tasks.spawn(for_terminals(card, listener, token, stop)),
    };
}

/// Puts the card into a reader, and in again whenever the reader is back. Returns how many commands there were.
async fn in_reader(mut card: Served, address: String, mut stop: Stop) -> u64 {
    let number = card.number;
    let mut told = false;
    loop {
        let connected = tokio::select! {
            () = stop.stopped() => return card.commands,
            connected = TcpStream::connect(&address) => connected,
        };
        match connected {
            Ok(reader) => {
                told = false;
                // Without it our answer would wait; a socket that refuses is closed at the next step.
                let _ = reader.set_nodelay(true);
                say(&format!("card {number}: in the reader at {address}"));
                let before = card.commands;
                let ended = tokio::select! {
                    () = stop.stopped() => return card.commands,
                    ended = session(&reader, &mut card, usize::from(u16::MAX), SLOW) => ended,
                };
                card.reset();
                let why = ended.err().map_or_else(String::new, |e| format!(" ({e})"));
                say(&format!(
                    "card {number}: the reader at {address} closed after {} commands{why}; trying to get in again",
                    card.commands - before
                ));
            }
            Err(e) if !told => {
                told = true;
                say(&format!(
                    "card {number}: no reader at {address} ({e}); trying until pcscd with vpcd is there"
                ));
            }
            Err(_) => {}
        }
        tokio::select! {
            () = stop.stopped() => return card.commands,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

/// Frames from one connection until its end, or until an answer isn't taken for so long as `slow`.
async fn session(stream: &TcpStream, card: &mut Served, limit: usize, slow: Duration) -> io::Result<()> {
    let mut incoming = Incoming::new(limit);
    while let Some(answer) = incoming.next(stream, |frame| card.answer(frame)).await? {
        if let Some(answer) = answer {
            let sent = timeout(slow, frames::send(stream, answer.expose())).await;
            sent.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "it doesn't take its answers"))??;
        }
    }
    Ok(())
}

/// So that a terminal whose host is gone doesn't have the card for ever: after some two minutes of no sign.
fn notice_a_lost_host(stream: &TcpStream) -> io::Result<()> {
    use rustix::net::sockopt;

    sockopt::set_socket_keepalive(stream, true)?;
    #[cfg(target_os = "linux")]
    {
        sockopt::set_tcp_keepidle(stream, Duration::from_secs(60))?;
        sockopt::set_tcp_keepintvl(stream, Duration::from_secs(15))?;
        sockopt::set_tcp_keepcnt(stream, 4)?;
    }
    Ok(())
}

/// Serves the card to one terminal after the other. Returns how many commands there were.
async fn for_terminals(card: Served, listener: TcpListener, token: Token, stop: Stop) -> u64 {
    let number = card.number;
    if let Ok(address) = listener.local_addr() {
        say(&format!("card {number}: for terminals at {address}"));
    }
    let card = Arc::new(Mutex::new(card));
    let token = Arc::new(token);
    let limits = Limits {
        max_connections: TERMINALS,
        max_per_address: TERMINALS,
        grace: Duration::ZERO,
    };
    let shared = Arc::clone(&card);
    accept::serve(listener, limits, stop, move |stream, connection, mut stop| {
        let (card, token) = (Arc::clone(&shared), Arc::clone(&token));
        async move {
            let from = connection.peer;
            let ended = tokio::select! {
                () = stop.stopped() => return,
                ended = terminal(&stream, &card, &token, number, from) => ended,
            };
            match ended {
                Ok(what) => say(&format!("card {number}: terminal {from} {what}")),
                Err(e) => say(&format!("card {number}: terminal {from}: {e}")),
            }
        }
    })
    .await;
    card.lock().await.commands
}

/// One terminal, from its proof to its end; says how it ended.
async fn terminal(
    stream: &TcpStream,
    card: &Mutex<Served>,
    token: &Token,
    number: u8,
    from: SocketAddr,
) -> io::Result<String> {
    let Ok(answer) = timeout(HANDSHAKE, shake_hands(stream, token)).await else {
        return Ok(format!("said nothing for {} s", HANDSHAKE.as_secs()));
    };
    let Some(answer) = answer? else {
        frames::send(stream, &[WRONG_TOKEN]).await?;
        return Ok("has another token: refused".into());
    };
    let Ok(mut card) = card.try_lock() else {
        frames::send(stream, &[BUSY]).await?;
        return Ok("refused: another one has the card".into());
    };
    frames::send(stream, answer.expose()).await?;
    notice_a_lost_host(stream)?;
    say(&format!("card {number}: terminal {from} has the card"));
    let before = card.commands;
    card.reset();
    let ended = session(stream, &mut card, COMMAND, SLOW).await;
    card.reset();
    let commands = card.commands - before;
    drop(card);
    ended.map(|()| format!("gave it back after {commands} commands"))
}

/// Our own proof and the ATR, if the terminal's is right.
async fn shake_hands(stream: &TcpStream, token: &Token) -> io::Result<Option<SecretBytes>> {
    let ours = nonce().map_err(io::Error::other)?;
    frames::send(stream, &[&GREETING[..], &ours].concat()).await?;
    let mut incoming = Incoming::new(NONCE + PROOF);
    let answer = incoming
        .next(stream, |frame| {
            let (theirs, proof) = frame.split_at_checked(NONCE)?;
            let right = token.accepts(End::Terminal, &ours, theirs, proof);
            right.then(|| [&token.proof(End::Card, &ours, theirs)[..], &atr::SOFTWARE].concat())
        })
        .await?;
    let answer = answer.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(answer.map(SecretBytes::new))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use base::apdu::Command;
    use uicc::{Card as _, CardError};

    use super::{
        super::remote::{TcpCard, VpcdReader},
        *,
    };

    fn token(text: &str) -> Token {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Token::read(Some(file.path())).unwrap()
    }

    fn card() -> Served {
        let made = soft::one(soft::DEFAULT, &SoftArgs::default()).unwrap();
        Served::new(1, made.card, false, None)
    }

    fn select(aid: &[u8]) -> Command {
        Command::new(0, 0xa4, 4, 0x0c).with_data(aid).unwrap()
    }

    /// A card for terminals, and where it is.
    async fn served(token: Token) -> (String, Stopper, tokio::task::JoinHandle<u64>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stopper, stop) = accept::stop();
        let done = tokio::spawn(for_terminals(card(), listener, token, stop));
        (address, stopper, done)
    }

    /// On a thread where it may wait.
    async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        tokio::task::spawn_blocking(work).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    //= gba-tcp-r1
    async fn a_terminal_with_the_token_has_the_card_alone_and_others_are_told_why_not() {
        let (address, stopper, done) = served(token("a token of some length")).await;
        apart(move || {
            let ours = || token("a token of some length");
            let mut first = TcpCard::connect(&address, ours()).unwrap();
            assert_eq!(first.atr(), atr::SOFTWARE);
            assert_eq!(
                first.transmit(&select(&uicc::names::USIM_AID_PREFIX)).unwrap().sw,
                0x9000
            );
            assert_eq!(TcpCard::connect(&address, ours()).err(), Some(CardError::InUse));
            for other in [token("another one of some length"), Token::read(None).unwrap()] {
                let why = TcpCard::connect(&address, other).err().unwrap().to_string();
                assert!(
                    why.contains("has another token") && why.contains("--card-token"),
                    "{why}"
                );
            }
            drop(first);
            // Given back: as after a reset, once the server has seen the end.
            let mut next = loop {
                match TcpCard::connect(&address, ours()) {
                    Err(CardError::InUse) => std::thread::yield_now(),
                    other => break other.unwrap(),
                }
            };
            let status = Command::new(0x80, 0xf2, 0, 0x01).with_le(0);
            assert_eq!(next.transmit(&status).unwrap().sw, 0x6985, "no application");
        })
        .await;
        stopper.stop();
        assert_eq!(done.await.unwrap(), 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    //= gba-tcp-r1
    async fn frames_that_no_terminal_sends_end_the_connection_and_nothing_else() {
        let (address, stopper, done) = served(token("a token of some length")).await;
        apart(move || {
            use std::{io::Read as _, net::TcpStream as Blocking};
            // Instead of a proof: too long, too short, wrong, nothing at all.
            for odd in [
                &[0xff; 70][..],
                &[0, 3, 1, 2, 3],
                &[[0, 48].as_slice(), &[7; 48]].concat(),
                &[],
            ] {
                let mut stream = Blocking::connect(&address).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                stream.write_all(odd).unwrap();
                // The other end may be quicker, and a reset is an end too.
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let mut said = Vec::new();
                let _ = stream.read_to_end(&mut said);
                let greeting = 2 + GREETING.len() + NONCE;
                assert!(said.len() <= greeting + 3, "{said:02x?}");
                assert!(
                    !said.windows(4).any(|part| part == &atr::SOFTWARE[..4]),
                    "{said:02x?}"
                );
            }
            // With the token a frame may be as long as an APDU.
            let mut card = TcpCard::connect(&address, token("a token of some length")).unwrap();
            card.send_raw(&[0; COMMAND + 1]);
            let why = card.transmit(&select(&[0xa0])).unwrap_err().to_string();
            assert!(why.contains("ended"), "{why}");
            // It dials again; the server may not have seen the end yet.
            let answer = loop {
                match card.transmit(&select(&uicc::names::USIM_AID_PREFIX)) {
                    Err(CardError::InUse) => std::thread::yield_now(),
                    answer => break answer.unwrap(),
                }
            };
            assert_eq!(answer.sw, 0x9000);
        })
        .await;
        stopper.stop();
        done.await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_no_server_of_cards_is_told() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let web = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            listener
        });
        let told =
            |address: String| apart(move || TcpCard::connect(&address, Token::read(None).unwrap()).err());
        let why = told(address.clone()).await.unwrap().to_string();
        assert!(why.contains("is no `gba card serve --tcp`"), "{why}");
        drop(web.join().unwrap());
        let why = told(address).await.unwrap().to_string();
        assert!(
            why.contains("see that `gba card serve --tcp` runs there"),
            "{why}"
        );
    }

    #[tokio::test]
    async fn a_terminal_that_takes_no_answers_or_is_gone_gives_the_card_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        notice_a_lost_host(&stream).unwrap();
        assert!(rustix::net::sockopt::socket_keepalive(&stream).unwrap());
        rustix::net::sockopt::set_socket_send_buffer_size(&stream, 4096).unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&client, 4096).unwrap();
        let asking = async {
            while frames::send(&client, &[0x00, 0xb0, 0x82, 0x00, 0x0a])
                .await
                .is_ok()
            {}
        };
        let mut card = card();
        let slow = Duration::from_millis(200);
        let ended = tokio::select! {
            () = asking => panic!("the connection ended by itself"),
            ended = session(&stream, &mut card, COMMAND, slow) => ended,
        };
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn ruling_36_a_virtual_reader_of_ours_is_on_loopback_only() {
        for place in ["0.0.0.0:0", "[::]:0", "192.0.2.1:35963"] {
            let why = VpcdReader::listen(place).err().unwrap().to_string();
            assert!(why.contains("isn't loopback"), "{why}");
        }
    }

    /// `vpcd:ADDR`: we are the reader, and a card process comes, goes, and comes again.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_card_process_comes_to_us_as_to_a_virtual_reader() {
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let place = free.to_string();
        let reader = place.clone();
        let reader = tokio::task::spawn_blocking(move || VpcdReader::listen(&reader).unwrap());
        let (stopper, stop) = accept::stop();
        let first = tokio::spawn(in_reader(card(), place.clone(), stop));
        let mut reader = reader.await.unwrap();
        assert_eq!(reader.atr(), atr::SOFTWARE);
        let mut reader = apart(move || {
            let usim = select(&uicc::names::USIM_AID_PREFIX);
            assert_eq!(reader.transmit(&usim).unwrap().sw, 0x9000);
            reader
        })
        .await;
        stopper.stop();
        assert_eq!(first.await.unwrap(), 1);
        let (stopper, stop) = accept::stop();
        let second = tokio::spawn(in_reader(card(), place, stop));
        apart(move || {
            let usim = select(&uicc::names::USIM_AID_PREFIX);
            assert_eq!(reader.transmit(&usim).unwrap_err(), CardError::Absent);
            assert_eq!(reader.transmit(&usim).unwrap().sw, 0x9000);
        })
        .await;
        stopper.stop();
        second.await.unwrap();
    }
}
