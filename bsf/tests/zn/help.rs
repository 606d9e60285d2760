//! A BSF with one bootstrapped UE and some NAFs.

use std::sync::Arc;

use aka::Rand;
use base::{Mono, Now, Secret, Utc, hex};
use bsf::{
    MemorySessions, Sessions,
    rights::Rights,
    sessions::{Mode, Session},
    zn::{ZnConfig, ZnServer},
};
use diameter::{Identity, Message, Origin, ResultCode};
use gba::{
    guss::{BsfInfo, Guss, Uss},
    ids::{Btid, NafId},
    keys::Ks,
    zn::{BootstrappingInfo, BootstrappingInfoAnswer, BootstrappingInfoRequest},
};

/// TS 35.208 test set 1, and what a bootstrapping with it makes.
pub(crate) const RAND: &str = "23553cbe9637a89d218ae64dae47bf35";
pub(crate) const CK: &str = "b40ba9a3c58b2a05bbf0d987b21bf8cb";
pub(crate) const IK: &str = "f769bcd751044604127672711c6d3441";
pub(crate) const IMPI: &str = "123001000000000@ims.mnc001.mcc123.3gppnetwork.org";
pub(crate) const NAF: &str = "xcap.ims.mnc001.mcc123.pub.3gppnetwork.org";
pub(crate) const BSF: &str = "bsf.home.test";
/// Its Ks_NAF for HTTP digest, agreed on by an independent UE.
pub(crate) const KS_NAF: &str = "8a2229143a3c8839422b9dee88bf90dc33aa7f6daac93daee7e3a24d009f0627";

/// Seconds that the session of [`btid`] lives.
pub(crate) const LIFETIME: u32 = 3600;

pub(crate) fn name(text: &str) -> Identity {
    text.parse().unwrap()
}

pub(crate) fn at(secs: u32) -> Now {
    Now {
        mono: Mono(u64::from(secs) * 1_000_000_000),
        utc: Utc(1_800_000_000 + i64::from(secs)),
    }
}

pub(crate) fn rand() -> Rand {
    RAND.parse().unwrap()
}

pub(crate) fn ks() -> Ks {
    Ks::from_ck_ik(
        &Secret::new(hex::array(CK).unwrap()),
        &Secret::new(hex::array(IK).unwrap()),
    )
}

pub(crate) fn btid() -> Btid {
    Btid::issue(&rand(), &"bsf.mnc001.mcc123.pub.3gppnetwork.org".parse().unwrap())
}

fn uss(id: &str, group: Option<&str>) -> Uss {
    Uss {
        id: id.into(),
        naf_group: group.map(Into::into),
        ue_ids: vec![format!("sip:{id}@x")],
        ..Uss::default()
    }
}

pub(crate) fn session(mode: Mode) -> Session {
    let guss = Guss {
        id: None,
        bsf_info: BsfInfo::default(),
        uss: vec![
            uss("1", None),
            uss("2", Some("A")),
            uss("3", Some("B")),
            uss("4", None),
        ],
    };
    Session {
        btid: btid(),
        impi: IMPI.parse().unwrap(),
        rand: rand(),
        ks: ks(),
        mode,
        guss: Some(Arc::new(guss)),
        created: at(0).utc,
        expiry: at(LIFETIME).utc,
        ends: at(LIFETIME).mono,
    }
}

/// Three NAFs: `naf.test` for [`NAF`] with digest and any suite, settings 1, 2, 3 and group A; `open.test`, which may
/// know the user; `short.test`, whose keys end after a minute.
pub(crate) fn rights() -> Rights {
    Rights::parse(&format!(
        "relays = ['dra.test']\n\
         [[naf]]\nlabel = 'MAF'\norigin_hosts = ['naf.test']\nfqdns = ['{NAF}']\nua = ['0100000002', '010001*']\n\
         services = ['1', '2', '3']\ngroups = ['A']\n\
         [[naf]]\norigin_hosts = ['open.test']\nfqdns = ['open.example']\nua = ['01000100ae']\nimpi = true\n\
         [[naf]]\norigin_hosts = ['short.test']\nfqdns = ['short.example']\nua = ['0100000002']\nmax_lifetime = 60\n"
    ))
    .unwrap()
}

pub(crate) type TestBsf = ZnServer<MemorySessions>;

pub(crate) async fn bsf(mode: Mode) -> TestBsf {
    let sessions = Arc::new(MemorySessions::default());
    sessions.issue_btid(Arc::new(session(mode)), at(0)).await.unwrap();
    ZnServer::new(
        ZnConfig::new(
            Origin {
                host: name(BSF),
                realm: name("home.test"),
            },
            rights(),
        ),
        sessions,
    )
}

pub(crate) fn bir() -> BootstrappingInfoRequest {
    BootstrappingInfoRequest {
        session_id: "naf.test;1;1".into(),
        origin_host: name("naf.test"),
        origin_realm: name("home.test"),
        destination_realm: name("home.test"),
        destination_host: None,
        btid: btid(),
        naf_id: naf_id(NAF, "0100000002"),
        gba_u_aware: false,
        service_ids: Vec::new(),
    }
}

pub(crate) fn naf_id(fqdn: &str, ua: &str) -> NafId {
    NafId::new(fqdn.parse().unwrap(), ua.parse().unwrap())
}

/// Asks over octets, as the NAF that the request names.
pub(crate) async fn ask(bsf: &TestBsf, now: Now, request: &Message) -> Message {
    let request = Message::parse(&request.encode()).unwrap();
    let peer = request.origin().unwrap().host;
    let answer = bsf.answer(now, &peer, &request).await;
    Message::parse(&answer.encode()).unwrap()
}

pub(crate) async fn result(bsf: &TestBsf, now: Now, bir: &BootstrappingInfoRequest) -> ResultCode {
    ask(bsf, now, &bir.to_message()).await.result().unwrap()
}

pub(crate) async fn info(bsf: &TestBsf, now: Now, bir: &BootstrappingInfoRequest) -> BootstrappingInfo {
    match BootstrappingInfoAnswer::parse(&ask(bsf, now, &bir.to_message()).await).unwrap() {
        BootstrappingInfoAnswer::Ok(info) => info,
        BootstrappingInfoAnswer::Err(failure) => panic!("{failure}"),
    }
}
