//! An HSS killed again and again while many ask it: no sequence number leaves it twice, none goes back.

use std::{
    collections::HashSet,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use aka::{Algorithm as _, Milenage};
use base::Secret;
use diameter::{Origin, SessionIds, dictionary};
use gba::zh::{MultimediaAuthAnswer, MultimediaAuthRequest, Scheme};
use net::diameter::{Client, Config, Role, Rule};

use crate::{Element, alone::key_of, folder, program};

const KILLS: usize = 200;
/// Who ask at once.
const ASKING: usize = 8;

fn origin() -> Origin {
    Origin {
        host: "bsf.mnc001.mcc001.pub.3gppnetwork.org".parse().unwrap(),
        realm: "mnc001.mcc001.3gppnetwork.org".parse().unwrap(),
    }
}

pub(crate) fn client(zh: &str) -> Client {
    let hss = Rule {
        host: "hss.mnc001.mcc001.3gppnetwork.org".parse().unwrap(),
        role: Role::Hss,
    };
    let mut config = Config::new(origin(), vec![dictionary::ZH], vec![hss]);
    config.limits.open = crate::LIMIT;
    Client::connect(zh.to_owned(), config)
}

pub(crate) fn request(ids: &SessionIds) -> diameter::Message {
    MultimediaAuthRequest {
        session_id: ids.next(),
        origin_host: origin().host,
        origin_realm: origin().realm,
        destination_realm: "mnc001.mcc001.3gppnetwork.org".parse().unwrap(),
        destination_host: None,
        impi: "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
            .parse()
            .unwrap(),
        public_identity: None,
        scheme: Some(Scheme::DigestAkaV1Md5),
        resync: None,
        guss_timestamp: None,
    }
    .to_message()
}

/// Asks from many tasks until the HSS is gone; kills it after so many answers. All SQNs that came.
async fn run_and_kill(folder: &Path, milenage: &Milenage, answers: usize) -> Vec<u64> {
    let mut hss = Element::start(program(folder).args(["hss", "serve", "--listen", "127.0.0.1:0"]));
    let client = client(&hss.wait("hss: Zh on "));
    client.ready().await.unwrap();
    let ids = Arc::new(SessionIds::new(origin().host, 1));
    let (came, gone) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    let enough = Arc::new(tokio::sync::Notify::new());
    let asking: Vec<_> = (0..ASKING)
        .map(|_| {
            let (client, ids, came, gone, enough) = (
                client.clone(),
                Arc::clone(&ids),
                Arc::clone(&came),
                Arc::clone(&gone),
                Arc::clone(&enough),
            );
            tokio::spawn(async move {
                while let Ok(answer) = client.request(request(&ids)).await {
                    let Ok(MultimediaAuthAnswer::Ok(ok)) = MultimediaAuthAnswer::parse(&answer) else {
                        panic!("refused: {}", answer.summary());
                    };
                    let vector = &ok.vectors[0];
                    let mut came = came.lock().unwrap();
                    came.push((vector.rand, vector.autn));
                    if came.len() >= answers {
                        enough.notify_one();
                    }
                    if gone.load(Ordering::Relaxed) {
                        return;
                    }
                }
            })
        })
        .collect();
    tokio::time::timeout(crate::LIMIT, enough.notified())
        .await
        .unwrap();
    gone.store(true, Ordering::Relaxed);
    hss.end("KILL");
    for task in asking {
        task.await.unwrap();
    }
    client.close().await;
    let came = came.lock().unwrap();
    came.iter()
        .map(|(rand, autn)| sqn_of(milenage, rand, autn))
        .collect()
}

/// What a card would read.
pub(crate) fn sqn_of(milenage: &Milenage, rand: &aka::Rand, autn: &aka::Autn) -> u64 {
    let ak = milenage.f2345(rand).ak;
    autn.sqn_xor_ak()
        .iter()
        .zip(ak)
        .fold(0, |n, (concealed, ak)| n << 8 | u64::from(concealed ^ ak))
}

#[test]
fn row_22_an_hss_killed_200_times_under_load_gives_no_sequence_number_twice() {
    let folder = folder();
    let key = |name| -> Secret<16> { key_of(folder.path(), name) };
    let milenage = Milenage::new(&key("k"), &key("opc"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let (mut seen, mut highest) = (HashSet::new(), 0);
    for kill in 0..KILLS {
        // Around the 32 numbers that one write to the disk reserves.
        let sqns = runtime.block_on(run_and_kill(folder.path(), &milenage, 1 + kill * 7 % 71));
        let (lowest, last) = (sqns.iter().min().unwrap(), sqns.iter().max().unwrap());
        assert!(
            *lowest > highest,
            "kill {kill}: {lowest:012x} after {highest:012x}"
        );
        highest = *last;
        for sqn in sqns {
            assert!(seen.insert(sqn), "kill {kill}: {sqn:012x} twice");
        }
    }
    assert!(seen.len() >= KILLS * 30, "{} vectors", seen.len());
}
