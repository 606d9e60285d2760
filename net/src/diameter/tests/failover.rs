//! Two peers that stand in for each other.

use super::*;

/// Says which server answered, by the number.
async fn answering(with: u32) -> Server {
    at((Ipv4Addr::LOCALHOST, 0).into(), with).await
}

async fn at(address: SocketAddr, with: u32) -> Server {
    Server::start(address, hss(), move |_, request| async move {
        let mut answer = echo(&request);
        answer.avps.retain(|avp| !avp.is(&d::SIP_ITEM_NUMBER));
        answer.avps.push(Avp::u32(&d::SIP_ITEM_NUMBER, with));
        answer
    })
    .await
}

/// Asks until `wanted` answers; everybody else who answers is `meanwhile`.
async fn until(failover: &Failover, wanted: u32, meanwhile: u32) {
    let asking = async {
        loop {
            match number(&failover.request(mar(0)).await.unwrap()) {
                n if n == wanted => return,
                n => assert_eq!(n, meanwhile),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking)
        .await
        .unwrap();
}

//= RFC3539-3.4.2-r1
#[tokio::test]
async fn the_next_takes_over_and_the_primary_comes_back() {
    let (first, second) = (answering(1).await, answering(2).await);
    let address = first.address;
    let clients = vec![first.client(bsf()), second.client(bsf())];
    for client in &clients {
        client.ready().await.unwrap();
    }
    let failover = Failover::new(clients);
    assert_eq!(number(&failover.request(mar(0)).await.unwrap()), 1);
    first.stop().await;
    until(&failover, 2, 2).await;
    let first = at(address, 1).await;
    until(&failover, 1, 2).await;
    second.stop().await;
    first.stop().await;
    assert!(matches!(failover.request(mar(0)).await, Err(Error::Down { .. })));
}

/// RFC 3539 3.4.1: a primary that failed, without a goodbye, has to answer three watchdog requests first.
//= RFC3539-3.4.1-r3
#[tokio::test]
async fn a_primary_that_failed_proves_itself_first() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let second = answering(2).await;
    let mut config = bsf();
    config.limits.timers.watchdog = Duration::from_millis(30);
    let client = Client::connect(address.to_string(), config);
    let capable = async |listener: &TcpListener| {
        let (mut socket, _) = listener.accept().await.unwrap();
        let cer = read(&mut socket).await;
        let mut cea = Message::answer_to(&cer);
        cea.avps.push(result_avp(ResultCode::SUCCESS));
        cea.push_origin(&origin(HSS));
        cea.avps.push(Avp::u32(&d::AUTH_APPLICATION_ID, ZH));
        socket.write_all(&cea.encode()).await.unwrap();
        socket
    };
    let failing = capable(&listener).await;
    client.ready().await.unwrap();
    assert!(client.is_proven());
    drop(failing);
    let mut back = capable(&listener).await;
    client.ready().await.unwrap();
    let other = second.client(bsf());
    other.ready().await.unwrap();
    let failover = Failover::new(vec![client.clone(), other]);
    for _ in 0..3 {
        assert!(client.is_open() && !client.is_proven());
        assert_eq!(number(&failover.request(mar(0)).await.unwrap()), 2);
        let dwr = read(&mut back).await;
        assert_eq!(dwr.command, grammar::DEVICE_WATCHDOG);
        let mut dwa = Message::answer_to(&dwr);
        dwa.avps.push(result_avp(ResultCode::SUCCESS));
        dwa.push_origin(&origin(HSS));
        back.write_all(&dwa.encode()).await.unwrap();
    }
    while !client.is_proven() {
        tokio::task::yield_now().await;
    }
    second.stop().await;
}

/// A vector may have been made: the request isn't sent again, neither to this peer nor to the next.
//= RFC6733-5.5.4-r1
#[tokio::test]
async fn a_request_that_was_sent_goes_to_nobody_else() {
    let calls = Arc::new(AtomicU32::new(0));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = Client::connect(listener.local_addr().unwrap().to_string(), bsf());
    let dying = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let cer = read(&mut socket).await;
        let mut cea = Message::answer_to(&cer);
        cea.avps.push(result_avp(ResultCode::SUCCESS));
        cea.push_origin(&origin(HSS));
        cea.avps.push(Avp::u32(&d::AUTH_APPLICATION_ID, ZH));
        socket.write_all(&cea.encode()).await.unwrap();
        // It has the request, and dies.
        read(&mut socket).await
    });
    let counted = Arc::clone(&calls);
    let second = Server::new(hss(), move |_, request| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { echo(&request) }
    })
    .await;
    client.ready().await.unwrap();
    let failover = Failover::new(vec![client, second.client(bsf())]);
    let lost = failover.request(mar(1)).await;
    assert!(matches!(lost, Err(Error::Lost { .. })), "{lost:?}");
    assert_eq!(number(&dying.await.unwrap()), 1);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    // The next run goes to the second.
    assert_eq!(number(&failover.request(mar(2)).await.unwrap()), 2);
    second.stop().await;
}

/// RFC 6733 7.1.3: who answers 3002 or 3004 did nothing, so another one may.
//= RFC6733-7.1.3-r1
#[tokio::test]
async fn a_peer_that_cannot_is_passed_over() {
    for result in [ResultCode::UNABLE_TO_DELIVER, ResultCode::TOO_BUSY] {
        let busy = Server::new(hss(), move |_, request| async move {
            let mut answer = Message::answer_to(&request);
            answer.avps.push(result_avp(result));
            answer.push_origin(&origin(HSS));
            answer
        })
        .await;
        let second = answering(2).await;
        let clients = vec![busy.client(bsf()), second.client(bsf())];
        for client in &clients {
            client.ready().await.unwrap();
        }
        let failover = Failover::new(clients);
        assert_eq!(number(&failover.request(mar(0)).await.unwrap()), 2);
        failover.close().await;
        busy.stop().await;
        second.stop().await;
    }
}
