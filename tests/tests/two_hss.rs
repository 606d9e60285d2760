//! Two HSS of one realm: the second stands in for the first that is stopped in the middle of a run.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{collections::HashSet, net::Ipv4Addr, net::SocketAddr, sync::Arc, time::Duration};

use aka::{AlgorithmSet, Milenage};
use base::{Secret, SeededEntropy};
use bsf::{VectorSource, ZhSource};
use diameter::{Identity, Origin, dictionary::ZH};
use gba::{ids::Impi, ub::server::SourceFailure};
use hss::{Auc, Hss, MemorySqnStore, Subscriber, Subscribers};
use net::{
    accept::{self, Stopper},
    diameter::{Client, Config, Error, Failover, Role, Rule},
};
use tokio::{net::TcpListener, task::JoinHandle, task::JoinSet};

const BSF: &str = "bsf.home.test";
const IMPI: &str = "001010000000001@ims.mnc001.mcc001.3gppnetwork.org";

fn id(name: &str) -> Identity {
    name.parse().unwrap()
}

fn origin(host: &str) -> Origin {
    Origin {
        host: id(host),
        realm: id("home.test"),
    }
}

struct Running {
    host: &'static str,
    address: SocketAddr,
    stopper: Stopper,
    task: JoinHandle<Result<(), Error>>,
}

impl Running {
    async fn start(host: &'static str, seed: u64) -> Self {
        let (k, opc) = (Secret::new([1; 16]), Secret::new([2; 16]));
        let algorithm = AlgorithmSet::Milenage(Milenage::new(&k, &opc));
        let mut subscribers = Subscribers::new();
        let subscriber = Subscriber::new(IMPI.parse().unwrap(), algorithm);
        subscribers.add(subscriber).unwrap();
        let auc = Auc::new(MemorySqnStore::new(), SeededEntropy::new(seed));
        let config = hss::Config::new(origin(host), [id(BSF)]);
        let hss = Arc::new(Hss::new(config, subscribers, auc));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stopper, stop) = accept::stop();
        let task = tokio::spawn(hss::serve(listener, hss, stop));
        Self {
            host,
            address,
            stopper,
            task,
        }
    }

    fn client(&self) -> Client {
        let rule = Rule {
            host: id(self.host),
            role: Role::Hss,
        };
        let mut config = Config::new(origin(BSF), vec![ZH], vec![rule]);
        config.limits.open = Duration::from_secs(2);
        Client::connect(self.address.to_string(), config)
    }

    async fn stop(self) {
        self.stopper.stop();
        self.task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn one_of_two_hss_is_stopped_in_the_middle_and_no_vector_is_used_twice() {
    const RUNS: usize = 400;
    let (first, second) = (
        Running::start("hss1.home.test", 1).await,
        Running::start("hss2.home.test", 2).await,
    );
    let clients = [first.client(), second.client()];
    for client in &clients {
        client.ready().await.unwrap();
    }
    let source = ZhSource::new(Failover::new(clients.into()), origin(BSF), id("home.test"));
    let source = Arc::new(source);
    let impi: Impi = IMPI.parse().unwrap();
    let mut asking = JoinSet::new();
    let (mut first, mut rands, mut unanswered) = (Some(first), HashSet::new(), 0);
    for run in 0..RUNS {
        let (source, impi) = (Arc::clone(&source), impi.clone());
        asking.spawn(async move { source.fetch(&impi, None).await });
        if run == RUNS / 2 {
            tokio::spawn(first.take().unwrap().stop());
        }
        if run % 8 == 0 {
            tokio::task::yield_now().await;
        }
    }
    while let Some(answer) = asking.join_next().await {
        match answer.unwrap() {
            Ok(obtained) => assert!(rands.insert(obtained.vector.rand), "a vector came twice"),
            // Sent, and the connection went before the answer came: the device asks again.
            Err(SourceFailure::Down) => unanswered += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(rands.len() + unanswered, RUNS);
    assert!(unanswered < RUNS / 2, "{unanswered}");
    // From now on it is the second that answers, without a failure.
    for _ in 0..20 {
        let obtained = source.fetch(&impi, None).await.unwrap();
        assert!(rands.insert(obtained.vector.rand));
    }
    second.stop().await;
    assert_eq!(source.fetch(&impi, None).await.err(), Some(SourceFailure::Down));
}
