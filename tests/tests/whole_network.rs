//! The laboratory's network with its own device, and third parties in the place of the device's clients: what the SIM
//! has bootstrapped opens doors for curl, Python requests and `openssl s_client`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    net::SocketAddr,
    process::{Command, Stdio},
    time::Duration,
};

use aka::{Milenage, Sqn};
use base::{Secret, hex};
use gba::{
    ids::{Fqdn, NafId, UaId},
    keys::KsNaf,
};
use lab::{
    demo::{Setup, personalise},
    report::Mode,
    topology::Network,
};
use tests::peer;
use tokio::{io::AsyncWriteExt, task::spawn_blocking, time::timeout};
use ue::{BsfAddress, Device, device::DeviceOptions};

const LIMIT: Duration = Duration::from_secs(20);

/// The network, and a device that has bootstrapped in it.
async fn bootstrapped(mode: Mode) -> (Network, Device, String) {
    let setup = Setup {
        mode,
        imsi: "001010123456789".parse().unwrap(),
        mnc_length: None,
        algorithm: Milenage::new(
            &Secret::new(hex::array("465b5ce8b199b49faa5f0a2ee238a6bc").unwrap()),
            &Secret::new(hex::array("cd63cb71954a9f4e48a5994e37a02baf").unwrap()),
        )
        .into(),
        amf: None,
        sqn: Sqn::new(0x20),
        resync: false,
        rand: None,
    };
    let (subscriber, card, names) = personalise(&setup).unwrap();
    let network = Network::start(names, subscriber, None, net::tap::none())
        .await
        .unwrap();
    let mut device = Device::open(Box::new(card), DeviceOptions::default())
        .await
        .unwrap();
    let bsf = BsfAddress::new(network.addresses.ub, network.names.bsf.clone());
    let session = device.bootstrap(&bsf).await.unwrap();
    (network, device, session.btid.to_string())
}

fn password(key: &KsNaf) -> String {
    String::from_utf8(key.password().unwrap().expose().to_vec()).unwrap()
}

async fn said(mut command: Command) -> String {
    let output = spawn_blocking(move || peer::run(&mut command, LIMIT))
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

//= TS24.109-5.2-r3
#[tokio::test]
async fn curl_and_requests_log_in_with_what_the_sim_gave() {
    let (Some(curl), Some(python)) = (
        peer::program("curl", "curl"),
        peer::python("requests", "requests"),
    ) else {
        return;
    };
    for mode in [Mode::Me, Mode::U] {
        let (network, mut device, btid) = bootstrapped(mode).await;
        let naf = network.names.naf.clone();
        let port = network.addresses.naf.port();
        let key = device
            .naf_key(&NafId::new(naf.clone(), UaId::HTTP_DIGEST))
            .await
            .unwrap();
        let password = password(&key);
        let answer = format!("hello, {btid}\n");

        let mut command = Command::new(&curl);
        command.args([
            "--silent",
            "--digest",
            "--noproxy",
            "*",
            "--write-out",
            "%{http_code}",
        ]);
        command.args([
            "--resolve",
            &format!("{naf}:{port}:127.0.0.1"),
            "--user",
            &format!("{btid}:{password}"),
        ]);
        command.arg(format!("http://{naf}:{port}/hello"));
        assert_eq!(said(command).await, format!("{answer}200"), "{mode:?}");

        let mut command = Command::new(&python);
        command.args(["-c", REQUESTS, &port.to_string(), naf.as_str(), &btid, &password]);
        assert_eq!(said(command).await, format!("200 {answer}"), "{mode:?}");

        assert_eq!(network.vectors_used(), 1, "one AKA run is enough for both");
        network.stop().await;
    }
}

const REQUESTS: &str = r#"
import sys, requests
from requests.auth import HTTPDigestAuth
port, host, user, password = sys.argv[1:]
session = requests.Session()
session.trust_env = False
r = session.get(f"http://127.0.0.1:{port}/hello", auth=HTTPDigestAuth(user, password), timeout=10,
                headers={"Host": f"{host}:{port}"})
print(r.status_code, r.text, end="")
"#;

/// What s_client says after one request to the MAF or the IN-CSE, by that identity and the key.
async fn s_client(name: &Fqdn, address: SocketAddr, identity: &str, key: &KsNaf) -> Option<String> {
    let openssl = peer::program("openssl", "openssl")?;
    let name = name.as_str();
    let octets = hex::encode(key.key_for(&key.naf_id().ua()).unwrap().expose());
    let mut child = tokio::process::Command::new(openssl)
        .args([
            "s_client",
            "-connect",
            &address.to_string(),
            "-servername",
            name,
            "-tls1_2",
        ])
        .args(["-psk", &octets, "-psk_identity", identity])
        .args(["-cipher", "PSK-AES128-CBC-SHA256", "-ign_eof"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {name}\r\nX-M2M-Origin: Cdevice\r\nX-M2M-RI: r1\r\nX-M2M-RVI: 3\r\nAccept: application/json\r\nConnection: close\r\n\r\n",
        lab::cse::CSE_PATH
    );
    child
        .stdin
        .as_mut()
        .unwrap()
        .write_all(request.as_bytes())
        .await
        .unwrap();
    let output = timeout(LIMIT, child.wait_with_output()).await.unwrap().unwrap();
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

//= TS0003-8.3.2.3-r2
//= TS0003-8.3.2.3-r5
//= TS0003-8.3.2.3-r6
#[tokio::test]
async fn s_client_retrieves_the_cse_base_with_the_session_key_and_not_with_the_root_key() {
    let (network, mut device, btid) = bootstrapped(Mode::Me).await;
    let suite = UaId::tls(0x00ae);
    let session = device
        .naf_key(&NafId::new(network.names.cse.clone(), suite))
        .await
        .unwrap();
    let root = device
        .naf_key(&NafId::new(network.names.maf.clone(), suite))
        .await
        .unwrap();
    assert_ne!(session.fingerprint(), root.fingerprint());

    let (name, address) = (&network.names.cse, network.addresses.cse);
    for identity in identities(&btid) {
        let Some(answer) = s_client(name, address, &identity, &session).await else {
            return;
        };
        assert!(
            answer.contains("HTTP/1.1 200 OK") && answer.to_ascii_lowercase().contains("x-m2m-rsc: 2000"),
            "{answer}"
        );
    }
    let [identity, _] = identities(&btid);
    let refused = s_client(name, address, &identity, &root).await.unwrap();
    assert!(
        refused.contains("alert") && !refused.contains("HTTP/1.1"),
        "{refused}"
    );
    let [unknown, _] = identities(&format!("x{btid}"));
    let unknown = s_client(name, address, &unknown, &session).await.unwrap();
    assert!(
        unknown.contains("alert") && !unknown.contains("HTTP/1.1"),
        "{unknown}"
    );
    network.stop().await;
}

/// The identity as TS 33.222 has it, and the bare B-TID of clients that don't prefix it (ruling 18).
fn identities(btid: &str) -> [String; 2] {
    [format!("3GPP-bootstrapping;{btid}"), btid.to_owned()]
}

/// The root key is proven by the handshake itself; in mode `u` it is Ks_ext_NAF from the card.
//= TS33.222-5.4-r3
//= TS0003-8.3.2.3-r1
//= TS0003-8.3.2.3-r3
//= TS0003-10.2-r1
#[tokio::test]
async fn s_client_proves_the_root_key_to_the_maf_in_both_modes() {
    for mode in [Mode::Me, Mode::U] {
        let (network, mut device, btid) = bootstrapped(mode).await;
        let (name, address) = (&network.names.maf, network.addresses.maf);
        let root = device
            .naf_key(&NafId::new(name.clone(), UaId::tls(0x00ae)))
            .await
            .unwrap();
        for identity in identities(&btid) {
            let Some(answer) = s_client(name, address, &identity, &root).await else {
                return;
            };
            // Let in, though a MAF has nothing to retrieve.
            assert!(answer.contains("HTTP/1.1 404 Not Found"), "{answer}");
            assert!(answer.contains("PSK-AES128-CBC-SHA256"), "{answer}");
        }
        // Ruling 17: the digest key of the same NAF is another key.
        let digest = device
            .naf_key(&NafId::new(name.clone(), UaId::HTTP_DIGEST))
            .await
            .unwrap();
        let [identity, _] = identities(&btid);
        let refused = s_client(name, address, &identity, &digest).await.unwrap();
        assert!(refused.contains("SSL alert number 20"), "{refused}");
        assert_eq!(network.vectors_used(), 1);
        network.stop().await;
    }
}
