//! What listens until a signal comes.

use std::{future::Future, net::SocketAddr, time::Duration};

use net::{
    accept::{Stop, Stopper, stop},
    diameter::{Client, Error},
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};

use super::{listen, ops::Ops, say, watch::Watch};
use crate::{Failure, advice};

/// An element's sockets, and how they end together.
pub(super) struct Running {
    name: &'static str,
    stopper: Stopper,
    tasks: JoinSet<Result<(), String>>,
    clients: Vec<(String, Client)>,
    watch: Watch,
    ops: Option<Ops>,
}

impl Running {
    pub(super) fn new(name: &'static str, watch: Watch) -> Self {
        Self {
            name,
            stopper: stop().0,
            tasks: JoinSet::new(),
            clients: Vec::new(),
            watch,
            ops: None,
        }
    }

    /// With the operator's listener there, if there is one. Before the tap is handed to anybody: it is counted from here.
    pub(super) async fn operated_at(mut self, address: Option<SocketAddr>) -> Result<Self, Failure> {
        if let Some(address) = address {
            let (listener, address) = listen(self.name, address).await?;
            say(&format!(
                "{}: /livez, /readyz and /metrics on {address}",
                self.name
            ));
            let ops = Ops::new(listener);
            self.watch.wrap(|tap| ops.counting(tap));
            self.ops = Some(ops);
        }
        Ok(self)
    }

    pub(super) const fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The label of an address on which the element listens, for a capture.
    pub(super) fn endpoint(&self, address: SocketAddr, label: &str) {
        self.watch.tap().endpoint(address, label);
    }

    pub(super) fn stop(&self) -> Stop {
        self.stopper.listener()
    }

    /// Something that serves until the stop.
    pub(super) fn serve(&mut self, work: impl Future<Output = Result<(), Error>> + Send + 'static) {
        self.tasks
            .spawn(async move { work.await.map_err(|e| e.to_string()) });
    }

    /// A connection to a peer, which may come later; tells when it is there.
    pub(super) fn peer(&mut self, what: String, client: &Client) {
        self.clients.push((what, client.clone()));
    }

    /// Runs until SIGINT or SIGTERM; then finishes what is under way and says goodbye (DPR). A second signal ends it
    /// at once.
    pub(super) async fn until_signal(mut self) -> Result<(), Failure> {
        let mut signals = Signals::new()?;
        if let Some(ops) = self.ops.take() {
            let clients = self.clients.iter().map(|(_, client)| client.clone());
            let serving = ops.serve(clients.collect(), self.stop());
            self.serve(async move {
                serving.await;
                Ok(())
            });
        }
        say(&format!("{}: ready; Ctrl-C stops", self.name));
        // They end with this function.
        let mut tellers = JoinSet::new();
        for (what, client) in self.clients.iter().cloned() {
            tellers.spawn(tell(self.name, what, client));
        }
        let early = tokio::select! {
            () = signals.next() => None,
            Some(ended) = self.tasks.join_next() => Some(ended),
        };
        if let Some(ended) = early {
            let why = match ended {
                Ok(Ok(())) => "a listener ended".into(),
                Ok(Err(why)) => why,
                Err(e) => e.to_string(),
            };
            return Err(Failure::Unable(format!("{}: {why}", self.name)));
        }
        say(&format!("{}: stopping", self.name));
        tellers.abort_all();
        let ended = async {
            self.stopper.stop();
            while self.tasks.join_next().await.is_some() {}
            // Only now: what was under way may have needed them.
            for (_, client) in &self.clients {
                client.close().await;
            }
        };
        tokio::select! {
            () = ended => {}
            () = signals.next() => return Err(Failure::Unable(format!("{}: stopped at once", self.name))),
        }
        self.watch.finish().await;
        Ok(())
    }
}

/// Says when a peer is there, and once that it isn't.
async fn tell(name: &'static str, what: String, client: Client) {
    let mut told = false;
    loop {
        match client.ready().await {
            Ok(()) => return say(&format!("{name}: {what} is open")),
            Err(Error::Closed) => return,
            Err(e) if !told => {
                told = true;
                advice::warn(&format!("{what}: {e}; trying again"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// SIGINT, SIGTERM, and SIGHUP of a terminal that is closed.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, Failure> {
        let listen =
            |kind| signal(kind).map_err(|e| Failure::Unable(format!("cannot wait for signals: {e}")));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
