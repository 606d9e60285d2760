//! What the network says when something is wrong, seen from the device: in plain words, with what to do about it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use aka::{Amf, Sqn};
use base::{Secret, hex};
use gba::ua::{Url, client::UaRequest};
use lab::{
    demo::{Setup, personalise},
    report::Mode,
    topology::Network,
};
use net::http::Bytes;
use ue::{BsfAddress, Client, Device, DeviceError, device::DeviceOptions};

const K: &str = "465b5ce8b199b49faa5f0a2ee238a6bc";
const IMSI: &str = "001010123456789";

fn setup(imsi: &str, k: &str) -> Setup {
    Setup {
        mode: Mode::Me,
        imsi: imsi.parse().unwrap(),
        mnc_length: None,
        k: Secret::new(hex::array(k).unwrap()),
        opc: Secret::new(hex::array("cd63cb71954a9f4e48a5994e37a02baf").unwrap()),
        amf: None,
        sqn: None,
        rand: None,
    }
}

/// A network for one subscriber, and a device whose card was made from other data.
async fn network(home: Setup, card: Setup) -> (Network, Device) {
    let (subscriber, _, names) = personalise(&home).unwrap();
    let (_, card, _) = personalise(&card).unwrap();
    let network = Network::start(names, subscriber, None, net::tap::none())
        .await
        .unwrap();
    let device = Device::open(Box::new(card), DeviceOptions::default())
        .await
        .unwrap();
    (network, device)
}

/// The texts of an error and its sources, as a person is shown them.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

async fn bootstrap_fails(network: &Network, device: &mut Device) -> (DeviceError, String) {
    let bsf = BsfAddress::new(network.addresses.ub, network.names.bsf.clone());
    match device.bootstrap(&bsf).await {
        Ok(_) => panic!("bootstrapped"),
        Err(error) => {
            let text = told(&error);
            (error, text)
        }
    }
}

#[tokio::test]
async fn an_unknown_subscriber_is_told_so() {
    let (network, mut device) = network(setup(IMSI, K), setup("001010987654321", K)).await;
    let (_, text) = bootstrap_fails(&network, &mut device).await;
    assert!(text.contains("403") && text.contains("001010987654321"), "{text}");
    assert_eq!(network.vectors_used(), 0);
    network.stop().await;
}

#[tokio::test]
async fn a_card_with_another_key_says_what_to_compare() {
    let (network, mut device) =
        network(setup(IMSI, K), setup(IMSI, "00112233445566778899aabbccddeeff")).await;
    let (_, text) = bootstrap_fails(&network, &mut device).await;
    assert!(
        ["K", "OPc", "AMF"].iter().all(|word| text.contains(word)),
        "{text}"
    );
    assert!(device.bootstrapped().is_none());
    network.stop().await;
}

#[tokio::test]
async fn a_card_far_ahead_is_in_step_after_one_resynchronisation() {
    let mut ahead = setup(IMSI, K);
    ahead.sqn = Some("0b604a81eca8".parse::<Sqn>().unwrap());
    let (network, mut device) = network(setup(IMSI, K), ahead).await;
    let bsf = BsfAddress::new(network.addresses.ub, network.names.bsf.clone());
    device.bootstrap(&bsf).await.unwrap();
    assert_eq!(network.vectors_used(), 2, "one refused, one after AUTS");
    network.stop().await;
}

#[tokio::test]
async fn the_amf_of_another_domain_is_accepted_by_the_card() {
    let mut home = setup(IMSI, K);
    home.amf = Some(Amf::new([0x80, 0]));
    let (network, mut device) = network(home, setup(IMSI, K)).await;
    let bsf = BsfAddress::new(network.addresses.ub, network.names.bsf.clone());
    device.bootstrap(&bsf).await.unwrap();
    network.stop().await;
}

/// A device whose B-TID means nothing to this network's BSF is told to bootstrap again, and does so.
#[tokio::test]
async fn an_unknown_btid_leads_to_one_new_bootstrapping() {
    let (first, mut device) = network(setup(IMSI, K), setup(IMSI, K)).await;
    let bsf = BsfAddress::new(first.addresses.ub, first.names.bsf.clone());
    let old = device.bootstrap(&bsf).await.unwrap().btid;
    first.stop().await;

    let mut home = setup(IMSI, K);
    home.sqn = Sqn::new(0x40);
    let (subscriber, _, names) = personalise(&home).unwrap();
    let second = Network::start(names, subscriber, None, net::tap::none())
        .await
        .unwrap();
    let bsf = BsfAddress::new(second.addresses.ub, second.names.bsf.clone());
    let address = second.addresses.naf.to_string();
    let mut client = Client::new(bsf).with_resolver(move |_, _| address.clone());
    let url: Url = format!("http://{}/hello", second.names.naf).parse().unwrap();
    let answer = client.fetch(&mut device, UaRequest::get(url)).await.unwrap();
    assert_eq!(answer.status, 200);
    let new = device.btid().unwrap();
    assert_ne!(*new, old);
    assert_eq!(answer.body, Bytes::from(format!("hello, {new}\n")));
    assert_eq!(second.vectors_used(), 1);
    second.stop().await;
}
