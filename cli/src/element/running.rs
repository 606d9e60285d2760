//! What listens until a signal comes, and what SIGHUP does meanwhile.

use std::{future::Future, io::IsTerminal as _, net::SocketAddr};

use net::{
    accept::{Stop, Stopper, stop},
    diameter::Error,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};

use super::{listen, ops::Ops, peers::Peers, say, watch::Watch};
use crate::{
    Failure, advice,
    config::{Config, again::Again},
};

/// An element's sockets, and how they end together.
pub(super) struct Running {
    name: &'static str,
    stopper: Stopper,
    tasks: JoinSet<Result<(), String>>,
    peers: Peers,
    watch: Watch,
    ops: Option<Ops>,
}

impl Running {
    pub(super) fn new(name: &'static str, watch: Watch) -> Self {
        Self {
            name,
            stopper: stop().0,
            tasks: JoinSet::new(),
            peers: Peers::new(name),
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
            let ops = Ops::new(self.name, listener);
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

    /// Whom it calls.
    pub(super) fn peers(&self) -> Peers {
        self.peers.clone()
    }

    /// Runs until SIGINT or SIGTERM; then finishes what is under way and says goodbye (DPR). A second signal ends it
    /// at once. At SIGHUP the configuration is read again and `take` takes what it can: all of it, or nothing and an
    /// error; its text says what is new.
    pub(super) async fn until_signal(
        mut self,
        again: Again,
        mut take: impl AsyncFnMut(Config) -> Result<String, String>,
    ) -> Result<(), Failure> {
        let mut signals = Signals::new()?;
        let reloads = self.ops.as_ref().map(Ops::reloads);
        if let Some(ops) = self.ops.take() {
            let serving = ops.serve(self.peers.clone(), self.stop());
            self.serve(async move {
                serving.await;
                Ok(())
            });
        }
        say(&format!("{}: ready; Ctrl-C stops, SIGHUP reloads", self.name));
        self.peers.tell();
        let early = loop {
            tokio::select! {
                asked = signals.next() => match asked {
                    Asked::Stop => break None,
                    Asked::Reload => {
                        let done = reload(&again, &mut take).await;
                        if let Some(reloads) = &reloads {
                            reloads.count(done.is_ok());
                        }
                        match done {
                            Ok(what) => advice::note(&format!("{}: reloaded: {what}", self.name)),
                            Err(why) => advice::print(&format!(
                                "{}: not reloaded, the old settings stay: {why}",
                                self.name
                            )),
                        }
                    }
                },
                Some(ended) = self.tasks.join_next() => break Some(ended),
            }
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
        self.peers.hush();
        let ended = async {
            self.stopper.stop();
            while self.tasks.join_next().await.is_some() {}
            // Only now: what was under way may have needed them.
            self.peers.close().await;
        };
        tokio::select! {
            () = ended => {}
            () = signals.stop() => return Err(Failure::Unable(format!("{}: stopped at once", self.name))),
        }
        self.watch.finish().await;
        Ok(())
    }
}

async fn reload(
    again: &Again,
    take: &mut impl AsyncFnMut(Config) -> Result<String, String>,
) -> Result<String, String> {
    let (config, differing) = again.read()?;
    let mut what = take(config).await?;
    if !differing.is_empty() {
        what.push_str("; needs a restart: ");
        what.push_str(&differing.join(", "));
    }
    Ok(what)
}

/// What a signal asks for.
pub(super) enum Asked {
    Stop,
    Reload,
}

/// SIGINT, SIGTERM and SIGHUP. The last has two meanings: the terminal is closed, or an operator wants a reload.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    /// Whether it was started at a terminal and not taken off it (`nohup`, a service manager).
    at_terminal: bool,
}

impl Signals {
    pub(super) fn new() -> Result<Self, Failure> {
        let listen =
            |kind| signal(kind).map_err(|e| Failure::Unable(format!("cannot wait for signals: {e}")));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
            at_terminal: std::io::stdin().is_terminal(),
        })
    }

    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.terminate.recv() => Asked::Stop,
            // A terminal that is closed is none any more.
            _ = self.hang_up.recv() => match self.at_terminal && !std::io::stdin().is_terminal() {
                true => Asked::Stop,
                false => Asked::Reload,
            },
        }
    }

    /// Waits for one that stops.
    pub(super) async fn stop(&mut self) {
        while !matches!(self.next().await, Asked::Stop) {}
    }

    /// Waits for any, where there is nothing to reload.
    pub(super) async fn any(&mut self) {
        self.next().await;
    }
}
