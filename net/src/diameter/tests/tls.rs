//! Ruling 21: over TLS a peer is who its certificate says, and nobody else gets in.

use openssl::{
    pkey::PKey,
    ssl::{Ssl, SslContextBuilder, SslMethod, SslVerifyMode, SslVersion},
    x509::X509,
};
use tokio::io::DuplexStream;
use tokio_openssl::SslStream;

use super::*;
use crate::tls::{
    cert::{Endpoint, HandshakeError, io_reason},
    pki::{Authority, Validity},
};

const WITHIN: Duration = Duration::from_secs(5);

struct Ca(Authority);

impl Ca {
    fn new() -> Self {
        Self(Authority::new("test CA", Validity::days(2)).unwrap())
    }

    fn pem(&self) -> Vec<u8> {
        self.0.issued().cert_pem().unwrap()
    }

    /// Issued by this CA; trusts `trusted`.
    fn credentials_in(&self, host: &str, trusted: &Self, validity: Validity) -> Credentials {
        let issued = self.0.issue(&host.parse().unwrap(), validity).unwrap();
        let key = issued.key_pem().unwrap();
        Credentials::from_pem(&trusted.pem(), &issued.cert_pem().unwrap(), key.expose()).unwrap()
    }

    fn credentials(&self, host: &str) -> Credentials {
        self.credentials_in(host, self, Validity::days(1))
    }
}

fn with(mut config: Config, credentials: Credentials) -> Config {
    config.security = Security::Tls(credentials);
    config.limits.open = WITHIN;
    config
}

fn expired() -> Validity {
    let now = clock::now().utc.0;
    Validity {
        from: now - 7200,
        until: now - 60,
    }
}

type Shaken = Result<(SslStream<DuplexStream>, Vec<Identity>), HandshakeError>;

/// A handshake; how it went at the server and at the client, who reads once, as TLS 1.3 tells it only then.
async fn shake(server: &Credentials, client: &Credentials) -> (Shaken, String) {
    let (at_server, at_client) = tokio::io::duplex(64 * 1024);
    let server = Endpoint::server(server, crate::tap::none(), WITHIN).unwrap();
    let client = Endpoint::client(client, crate::tap::none(), WITHIN).unwrap();
    let client = async {
        match client.handshake(at_client, None).await {
            Err(e) => e.to_string(),
            Ok((mut stream, _)) => match stream.read_u8().await {
                Ok(_) => "read".into(),
                Err(e) => io_reason(&e),
            },
        }
    };
    let server = async {
        let mut shaken = server.handshake(at_server, None).await;
        if let Ok((stream, _)) = &mut shaken {
            // It may have been refused meanwhile.
            let _ = stream.write_u8(1).await;
        }
        shaken
    };
    tokio::join!(server, client)
}

#[tokio::test]
async fn asks_and_answers_over_tls() {
    let ca = Ca::new();
    let server = Server::new(with(hss(), ca.credentials(HSS)), |from, request| async move {
        assert_eq!(from.host.as_str(), BSF);
        echo(&request)
    })
    .await;
    let client = server.client(with(bsf(), ca.credentials(BSF)));
    for n in 0..3 {
        assert_eq!(number(&client.request(mar(n)).await.unwrap()), n);
    }
    // Each request's Origin-Host is compared with the certificate's.
    let mut forged = mar(9);
    forged.avps.retain(|avp| !avp.is(&d::ORIGIN_HOST));
    forged.avps.push(Avp::utf8(&d::ORIGIN_HOST, "bsf2.home.test"));
    let answer = client.request(forged).await.unwrap();
    assert_eq!(answer.result(), Ok(ResultCode::UNKNOWN_PEER));
    client.close().await;
    server.stop().await;
}

#[test]
fn the_port_goes_with_the_security() {
    let tls = Security::Tls(Ca::new().credentials(HSS));
    assert_eq!((tls.port(), Security::default().port()), (5868, 3868));
    let shown = format!("{tls:?}");
    assert!(shown.contains(HSS) && shown.len() < 80, "{shown}");
}

#[tokio::test]
async fn ruling_21_a_certificate_of_another_ca_is_refused() {
    let (ours, other) = (Ca::new(), Ca::new());
    let day = Validity::days(1);
    let stranger = other.credentials_in(BSF, &ours, day);
    let (at_server, at_client) = shake(&ours.credentials(HSS), &stranger).await;
    let refusal = at_server.err().unwrap();
    assert!(refusal.to_string().contains("CA that is configured"), "{refusal}");
    assert!(
        at_client.contains("unknown_ca") || at_client.contains("doesn't know the CA"),
        "{at_client}"
    );
    // And the other way round.
    let (at_server, at_client) = shake(&other.credentials_in(HSS, &ours, day), &ours.credentials(BSF)).await;
    assert!(at_client.contains("CA that is configured"), "{at_client}");
    assert!(matches!(
        at_server.err(),
        Some(HandshakeError::Alert { alert: 48 })
    ));
}

#[tokio::test]
async fn ruling_21_an_expired_certificate_is_refused() {
    let ca = Ca::new();
    let old = |host| ca.credentials_in(host, &ca, expired());
    let (at_server, at_client) = shake(&ca.credentials(HSS), &old(BSF)).await;
    let refusal = at_server.err().unwrap().to_string();
    assert!(
        refusal.contains("expired") && refusal.contains("clock"),
        "{refusal}"
    );
    assert!(at_client.contains("certificate_expired"), "{at_client}");
    let (at_server, at_client) = shake(&old(HSS), &ca.credentials(BSF)).await;
    assert!(at_client.contains("expired"), "{at_client}");
    assert!(matches!(
        at_server.err(),
        Some(HandshakeError::Alert { alert: 45 })
    ));
    // Nobody starts with one.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (_stopper, stop) = accept::stop();
    let refused = serve(
        listener,
        with(hss(), old(HSS)),
        stop,
        |_, m| async move { echo(&m) },
    )
    .await;
    assert!(matches!(
        refused,
        Err(Error::Credentials(CredentialsError::OutOfTime { .. }))
    ));
}

/// The chain is right, the certificate another peer's: refused at CER and at CEA, by name.
//= RFC6733-13.1-r1
//= ROW-13
#[tokio::test]
async fn ruling_21_a_certificate_of_another_peer_is_refused() {
    let ca = Ca::new();
    let server = Server::new(with(hss(), ca.credentials(HSS)), |_, m| async move { echo(&m) }).await;
    let forger = Endpoint::client(&ca.credentials("bsf2.home.test"), crate::tap::none(), WITHIN).unwrap();
    let socket = TcpStream::connect(server.address).await.unwrap();
    let (mut stream, names) = forger.handshake(socket, None).await.unwrap();
    assert_eq!(names, [HSS.parse().unwrap()]);
    let mut cer = Message::request(grammar::CAPABILITIES_EXCHANGE, d::BASE, false);
    cer.push_origin(&origin(BSF));
    cer.avps
        .push(Avp::octets(&d::HOST_IP_ADDRESS, vec![0, 1, 127, 0, 0, 1]));
    cer.avps.push(Avp::u32(&d::VENDOR_ID, d::TGPP));
    cer.avps.push(Avp::utf8(&d::PRODUCT_NAME, "forger"));
    cer.avps.push(Avp::u32(&d::AUTH_APPLICATION_ID, ZH));
    stream.write_all(&cer.encode()).await.unwrap();
    let cea = read(&mut stream).await;
    assert_eq!(cea.result(), Ok(ResultCode::UNKNOWN_PEER));
    let text = cea.find(&d::ERROR_MESSAGE).map(|avp| avp.as_octets().to_vec());
    let text = String::from_utf8(text.unwrap()).unwrap();
    assert!(
        text.contains("certificate") && text.contains("bsf2.home.test"),
        "{text}"
    );
    server.stop().await;

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let forger = Endpoint::server(&ca.credentials("hss2.home.test"), crate::tap::none(), WITHIN).unwrap();
    let forging = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let (mut stream, _) = forger.handshake(socket, None).await.unwrap();
        let mut cea = Message::answer_to(&read(&mut stream).await);
        cea.avps.push(result_avp(ResultCode::SUCCESS));
        cea.push_origin(&origin(HSS));
        cea.avps.push(Avp::u32(&d::AUTH_APPLICATION_ID, ZH));
        stream.write_all(&cea.encode()).await.unwrap();
        stream
    });
    let mut config = with(bsf(), ca.credentials(BSF));
    config.limits.open = Duration::from_millis(400);
    // Once is enough.
    config.limits.backoff = WITHIN;
    let client = Client::connect(address, config);
    let refused = client.request(mar(1)).await.unwrap_err().to_string();
    assert!(
        refused.contains("certificate, which is for hss2.home.test"),
        "{refused}"
    );
    drop(forging.await.unwrap());
    // A node that would be refused by everybody doesn't start.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (_stopper, stop) = accept::stop();
    let other = with(hss(), ca.credentials("hss2.home.test"));
    let refused = serve(listener, other, stop, |_, m| async move { echo(&m) }).await;
    assert!(matches!(
        refused,
        Err(Error::Credentials(CredentialsError::AnotherName { .. }))
    ));
}

//= RFC6733-13.1-r1
#[tokio::test]
async fn ruling_21_a_peer_without_certificate_is_refused() {
    let ca = Ca::new();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let mut context = SslContextBuilder::new(SslMethod::tls_client()).unwrap();
        context.set_verify(SslVerifyMode::NONE);
        context.set_min_proto_version(Some(version)).unwrap();
        context.set_max_proto_version(Some(version)).unwrap();
        let (at_server, at_client) = tokio::io::duplex(64 * 1024);
        let mut client = SslStream::new(Ssl::new(&context.build()).unwrap(), at_client).unwrap();
        let server = Endpoint::server(&ca.credentials(HSS), crate::tap::none(), WITHIN).unwrap();
        let (at_server, at_client) = tokio::join!(server.handshake(at_server, None), async {
            std::pin::Pin::new(&mut client).connect().await.is_ok() && client.read_u8().await.is_ok()
        });
        assert_eq!(
            at_server.err(),
            Some(HandshakeError::NoCertificate),
            "{version:?}"
        );
        assert!(!at_client);
    }
}

/// A peer whose TLS ends at 1.2 is served too.
#[tokio::test]
async fn tls_1_2_is_taken() {
    let ca = Ca::new();
    let issued = ca.0.issue(&BSF.parse().unwrap(), Validity::days(1)).unwrap();
    let mut context = SslContextBuilder::new(SslMethod::tls_client()).unwrap();
    context.set_verify(SslVerifyMode::NONE);
    context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    let cert = X509::from_pem(&issued.cert_pem().unwrap()).unwrap();
    context.set_certificate(&cert).unwrap();
    let key = PKey::private_key_from_pem(issued.key_pem().unwrap().expose()).unwrap();
    context.set_private_key(&key).unwrap();
    let (at_server, at_client) = tokio::io::duplex(64 * 1024);
    let mut client = SslStream::new(Ssl::new(&context.build()).unwrap(), at_client).unwrap();
    let server = Endpoint::server(&ca.credentials(HSS), crate::tap::none(), WITHIN).unwrap();
    let (at_server, at_client) = tokio::join!(
        server.handshake(at_server, None),
        std::pin::Pin::new(&mut client).connect()
    );
    at_client.unwrap();
    let (stream, names) = at_server.unwrap();
    assert_eq!(names, [BSF.parse().unwrap()]);
    assert_eq!(stream.ssl().version_str(), "TLSv1.2");
}

#[tokio::test]
async fn ruling_21_plain_tcp_at_a_tls_port_is_refused_and_told_so() {
    let ca = Ca::new();
    let server = Server::new(with(hss(), ca.credentials(HSS)), |_, m| async move { echo(&m) }).await;
    let refused = server
        .client(bsf())
        .request(mar(1))
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("takes TLS only"), "{refused}");
    server.stop().await;
    // What the server says of it.
    for octets in [
        Message::request(grammar::CAPABILITIES_EXCHANGE, d::BASE, false).encode(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ] {
        let (at_server, mut at_client) = tokio::io::duplex(1024);
        let server = Endpoint::server(&ca.credentials(HSS), crate::tap::none(), WITHIN).unwrap();
        at_client.write_all(&octets).await.unwrap();
        let drain = async {
            let mut scrap = Vec::new();
            at_client.read_to_end(&mut scrap).await.unwrap();
        };
        let (shaken, ()) = tokio::join!(server.handshake(at_server, None), drain);
        assert_eq!(shaken.err(), Some(HandshakeError::NotTls));
    }
}

#[tokio::test]
async fn tls_at_a_plain_port_is_told_so() {
    let server = Server::echo().await;
    let mut config = with(bsf(), Ca::new().credentials(BSF));
    config.limits.open = Duration::from_secs(1);
    let refused = server
        .client(config)
        .request(mar(1))
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("TLS"), "{refused}");
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_socket_at_a_tls_port_is_closed_by_the_timer() {
    let ca = Ca::new();
    let server = Server::new(with(hss(), ca.credentials(HSS)), |_, m| async move { echo(&m) }).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert!(until_closed(&mut silent).await.is_empty());
    // The head of a ClientHello doesn't help.
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.unwrap();
    assert!(until_closed(&mut slow).await.is_empty());
    // Nor does a whole handshake without a CER behind it.
    let endpoint = Endpoint::client(&ca.credentials(BSF), crate::tap::none(), WITHIN).unwrap();
    let socket = TcpStream::connect(server.address).await.unwrap();
    let (mut mute, _) = endpoint.handshake(socket, None).await.unwrap();
    let mut octets = Vec::new();
    let _ = mute.read_to_end(&mut octets).await;
    assert!(octets.is_empty());
}
