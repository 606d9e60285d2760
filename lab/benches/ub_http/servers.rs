//! Servers, each in a thread of its own, whose CPU time is what is measured.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use aka::{Algorithm as _, Amf, Auts, Milenage, Rand, Sqn};
use base::{Entropy as _, Secret};
use bsf::{MemorySessions, Ub, VectorSource, ZhSource, serve_ub};
use diameter::{
    dictionary,
    peer::{Role, Rule},
};
use gba::{
    ids::{Impi, Imsi, MncLength},
    ub::{
        client::Mode,
        server::{Obtained, SourceFailure},
    },
};
use http::header;
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use net::{
    accept::{Stop, Stopper, stop},
    diameter::{Client, Config},
    entropy::OsEntropy,
    http::Limits,
};
use rustix::time::{ClockId, clock_gettime};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    canned::{self, Canned},
    network::{self, BSF, HSS, REALM, identity, origin},
};

/// A multiple of the clients.
pub(crate) const SUBSCRIBERS: usize = 512;

/// A server that runs.
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    stopper: Stopper,
    thread: JoinHandle<Duration>,
    /// What it needs, ended after it.
    behind: Option<Box<Self>>,
}

impl Server {
    /// Runs `serve` on a listener of its own until stopped.
    fn start<F: Future<Output = ()>>(serve: impl FnOnce(TcpListener, Stop) -> F + Send + 'static) -> Self {
        let (stopper, stop) = stop();
        let (tell, address) = mpsc::channel();
        let named = std::thread::Builder::new().name("server".into());
        let serving = named.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                    .await
                    .expect("loopback");
                tell.send(listener.local_addr().expect("an address"))
                    .expect("who starts it waits");
                serve(listener, stop).await;
            });
            // Connections that are still open end with the runtime.
            drop(runtime);
            let cpu = clock_gettime(ClockId::ThreadCPUTime);
            Duration::new(
                u64::try_from(cpu.tv_sec).unwrap_or(0),
                u32::try_from(cpu.tv_nsec).unwrap_or(0),
            )
        });
        let thread = serving.expect("a thread");
        Self {
            at: address.recv().expect("a server that listens"),
            stopper,
            thread,
            behind: None,
        }
    }

    /// Ends it and gives all the CPU time that it took.
    pub(crate) fn stop(self) -> Duration {
        self.stopper.stop();
        let cpu = self.thread.join().expect("no panic");
        if let Some(behind) = self.behind {
            behind.stop();
        }
        cpu
    }
}

pub(crate) fn impi(n: u32) -> Impi {
    let imsi: Imsi = format!("00101{n:010}").parse().expect("an IMSI");
    Impi::from_imsi(&imsi, MncLength::Two)
}

pub(crate) fn milenage(n: u32) -> Milenage {
    Milenage::new(&network::key(n), &Secret::new(network::OPC))
}

/// Makes vectors as an HSS does, without Diameter.
pub(crate) struct Source {
    subscribers: HashMap<Impi, Milenage>,
    seq: AtomicU64,
}

impl Source {
    pub(crate) fn new() -> Self {
        let all = 0..u32::try_from(SUBSCRIBERS).expect("few");
        Self {
            subscribers: all.map(|n| (impi(n), milenage(n))).collect(),
            seq: AtomicU64::new(1),
        }
    }
}

impl VectorSource for Source {
    async fn fetch(&self, impi: &Impi, _: Option<(Rand, Auts)>) -> Result<Obtained, SourceFailure> {
        let milenage = self.subscribers.get(impi).ok_or(SourceFailure::UnknownImpi)?;
        let rand = OsEntropy.array::<16>().map_err(|_| SourceFailure::Down)?;
        // Five bits of IND below SEQ.
        let seq = self.seq.fetch_add(1, Ordering::Relaxed) << 5;
        let [_, _, sqn @ ..] = seq.to_be_bytes();
        let vector = milenage.vector(&rand.into(), Sqn::from_octets(sqn), Amf::new([0, 0]));
        Ok(Obtained { vector, guss: None })
    }
}

/// A BSF with such a source, and no tap.
pub(crate) fn in_process() -> Server {
    Server::start(|listener, stop| {
        let ub = Ub::new(
            network::ub_config(),
            Arc::new(MemorySessions::default()),
            Source::new(),
        );
        serve_ub(listener, Limits::default(), Arc::new(ub), stop)
    })
}

/// A BSF that asks an HSS in another thread over Diameter.
pub(crate) fn over_zh() -> Server {
    let hss = Server::start(|listener, stop| async {
        let (known, _) = network::personalise(Mode::Me, u32::try_from(SUBSCRIBERS).expect("few"));
        hss::serve(listener, Arc::new(network::hss(known)), stop)
            .await
            .expect("loopback");
    });
    let at = hss.at.to_string();
    let bsf = Server::start(|listener, stop| async move {
        let rule = Rule {
            host: identity(HSS),
            role: Role::Hss,
        };
        let own = origin(BSF, REALM);
        let config = Config::new(own.clone(), vec![dictionary::ZH], vec![rule]);
        let zh = Client::connect(at, config);
        zh.ready().await.expect("the HSS is there");
        let source = ZhSource::new(zh.clone(), own.clone(), own.realm).with_host(identity(HSS));
        let ub = Ub::new(network::ub_config(), Arc::new(MemorySessions::default()), source);
        serve_ub(listener, Limits::default(), Arc::new(ub), stop).await;
        zh.close().await;
    });
    Server {
        behind: Some(Box::new(hss)),
        ..bsf
    }
}

/// hyper with nothing behind it, sending the BSF's octets.
pub(crate) fn hyper(canned: &Canned) -> Server {
    let canned = Arc::new(canned.clone());
    Server::start(|listener, mut stop| async move {
        loop {
            let accepted = tokio::select! {
                () = stop.stopped() => return,
                accepted = listener.accept() => accepted,
            };
            let (socket, _) = accepted.expect("a connection");
            socket.set_nodelay(true).expect("TCP");
            let canned = Arc::clone(&canned);
            let answer = move |request: http::Request<hyper::body::Incoming>| {
                let credentials = request.headers().get(header::AUTHORIZATION);
                let answer = canned.answer(credentials.map_or(b"", |c| c.as_bytes())).clone();
                async move { Ok::<_, Infallible>(answer.map(Full::new)) }
            };
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service_fn(answer)));
        }
    })
}

/// Octets in, octets out: the cheapest server there is, against which the generator is measured.
pub(crate) fn raw(canned: &Canned) -> Server {
    let canned = Arc::new([&canned.challenge, &canned.success].map(canned::octets));
    Server::start(|listener, mut stop| async move {
        loop {
            let accepted = tokio::select! {
                () = stop.stopped() => return,
                accepted = listener.accept() => accepted,
            };
            let (mut socket, _) = accepted.expect("a connection");
            socket.set_nodelay(true).expect("TCP");
            let canned = Arc::clone(&canned);
            tokio::spawn(async move {
                let mut octets = [0; 4096];
                // The generator sends each request in one piece and awaits its answer.
                while let Ok(1..) = socket.read(&mut octets).await {
                    let [challenge, success] = &*canned;
                    // As `Canned::answer`, on the whole head.
                    let answer = if octets.windows(4).any(|w| w == b" nc=") {
                        success
                    } else {
                        challenge
                    };
                    if socket.write_all(answer).await.is_err() {
                        return;
                    }
                    octets.fill(0);
                }
            });
        }
    })
}
