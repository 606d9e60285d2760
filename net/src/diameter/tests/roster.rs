//! Peers that change while a node serves or calls.

use super::*;

fn rule(host: &str) -> Rule {
    Rule {
        host: host.parse().unwrap(),
        role: Role::Bsf,
    }
}

fn asking_as(host: &str) -> Config {
    Config {
        origin: origin(host),
        ..bsf()
    }
}

fn mar_of(host: &str) -> Message {
    let mut m = Message::request(grammar::MULTIMEDIA_AUTH, ZH, true);
    m.push_origin(&origin(host));
    m.avps.push(Avp::u32(&d::SIP_ITEM_NUMBER, 7));
    m
}

async fn comes_to(client: &Client, open: bool) {
    let waiting = async {
        while client.is_open() != open {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap();
}

/// Who stays on the list keeps its connection; who leaves it has its answer, then a goodbye, and doesn't come back; who
/// comes onto it may come.
#[tokio::test]
async fn a_roster_that_changes_ends_only_the_connections_of_those_that_left_it() {
    let other = "bsf2.home.test";
    let roster = Roster::new([rule(BSF), rule(other)], None);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stopper, stop) = accept::stop();
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go));
    let handler = move |from: PeerIdentity, request: Message| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            if from.host.as_str() == "bsf2.home.test" {
                tell.notify_one();
                wait.notified().await;
            }
            echo(&request)
        }
    };
    let serving = tokio::spawn(serve_roster(listener, hss(), roster.clone(), stop, handler));
    let stays = Client::connect(address.clone(), asking_as(BSF));
    let leaves = Client::connect(address.clone(), asking_as(other));
    stays.ready().await.unwrap();
    leaves.ready().await.unwrap();
    let under_way = {
        let leaves = leaves.clone();
        tokio::spawn(async move { leaves.request(mar_of("bsf2.home.test")).await })
    };
    begun.notified().await;
    roster.set([rule(BSF), rule("bsf3.home.test")], None);
    go.notify_one();
    assert_eq!(number(&under_way.await.unwrap().unwrap()), 7);
    comes_to(&leaves, false).await;
    assert!(stays.is_open());
    assert_eq!(number(&stays.request(mar_of(BSF)).await.unwrap()), 7);
    let Err(Error::Down { reason, .. }) = leaves.request(mar_of(other)).await else {
        panic!("who left the list is back");
    };
    assert!(
        reason.contains("3010") || reason.contains("DPR") || reason.contains("goodbye"),
        "{reason}"
    );
    let comes = Client::connect(address, asking_as("bsf3.home.test"));
    comes.ready().await.unwrap();
    // And back again: its own attempts find it open.
    roster.set([rule(BSF), rule(other)], None);
    comes_to(&leaves, true).await;
    comes_to(&comes, false).await;
    stopper.stop();
    serving.await.unwrap().unwrap();
}

/// Requests without end while the peer is replaced again and again: each one has its answer.
#[tokio::test]
async fn no_request_fails_while_the_peers_of_a_failover_are_replaced() {
    let (one, two) = (Server::echo().await, Server::echo().await);
    let client = async |server: &Server| {
        let client = server.client(bsf());
        client.ready().await.unwrap();
        client
    };
    let mut current = client(&one).await;
    let failover = Failover::new(vec![current.clone()]);
    let (stopper, stop) = accept::stop();
    let asking: Vec<_> = (0..4)
        .map(|n| {
            let (failover, stop) = (failover.clone(), stop.clone());
            tokio::spawn(async move {
                let mut count = 0;
                while !stop.is_stopped() {
                    assert_eq!(number(&failover.request(mar(n)).await.unwrap()), n);
                    count += 1;
                }
                count
            })
        })
        .collect();
    for turn in 0..40 {
        let next = client(if turn % 2 == 0 { &two } else { &one }).await;
        failover.replace(vec![next.clone()]);
        current.close().await;
        current = next;
    }
    stopper.stop();
    for task in asking {
        assert!(task.await.unwrap() > 0);
    }
}
