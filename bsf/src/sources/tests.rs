//! What the BSF makes of each answer that an HSS may give over Zh.

use std::sync::Mutex;

use aka::{Amf, Autn, Res, Vector};
use base::Secret;
use gba::zh::{Failure, MultimediaAuthRequest, Scheme};

use super::*;

const IMPI: &str = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org";

type Answer = dyn Fn(&Message) -> Result<Message, Error> + Send + Sync;

/// Answers each request with what a test laid ready; keeps the request.
struct Canned {
    answer: Box<Answer>,
    seen: Mutex<Vec<Message>>,
}

impl Exchange for Arc<Canned> {
    async fn exchange(&self, request: Message) -> Result<Message, Error> {
        let answer = (self.answer)(&request);
        self.seen.lock().unwrap().push(request);
        // Over the wire and back, so that what isn't sent isn't seen.
        answer.map(|a| Message::parse(&a.encode()).unwrap())
    }

    async fn usual<T: Send + 'static>(&self, request: &Usual<T>) -> Result<Came<T>, Error> {
        let mut out = Out::default();
        (request.write)(Ids::default(), &mut out);
        let answer = self.exchange(Message::parse(out.octets()).unwrap()).await?;
        let usual = (request.read)(&answer.encode());
        Ok(usual.map_or(Came::Message(answer), Came::Usual))
    }
}

fn origin(host: &str) -> Origin {
    Origin {
        host: host.parse().unwrap(),
        realm: "home.test".parse().unwrap(),
    }
}

fn source(
    answer: impl Fn(&Message) -> Result<Message, Error> + Send + Sync + 'static,
) -> (ZhSource<Arc<Canned>>, Arc<Canned>) {
    let canned = Arc::new(Canned {
        answer: Box::new(answer),
        seen: Mutex::default(),
    });
    let source = ZhSource::new(
        Arc::clone(&canned),
        origin("bsf.home.test"),
        "home.test".parse().unwrap(),
    );
    (source, canned)
}

fn maa(answer: MultimediaAuthAnswer) -> impl Fn(&Message) -> Result<Message, Error> + Send + Sync {
    let answer = Mutex::new(answer);
    move |request| {
        Ok(answer
            .lock()
            .unwrap()
            .to_message(request, &origin("hss.home.test")))
    }
}

fn success(impi: Option<&str>, guss: Option<&[u8]>) -> MultimediaAuthAnswer {
    let vector = |n: u8| Vector {
        rand: [n; 16].into(),
        autn: Autn::from_parts([1; 6], Amf::from([0, 0]), [2; 8]),
        xres: Res::new(&[3; 8]).unwrap(),
        ck: Secret::new([4; 16]),
        ik: Secret::new([5; 16]),
    };
    MultimediaAuthAnswer::Ok(Authentication {
        impi: impi.map(|i| i.parse().unwrap()),
        vectors: vec![vector(7), vector(8)],
        guss: guss.map(<[u8]>::to_vec),
    })
}

async fn ask(
    source: &ZhSource<Arc<Canned>>,
    resync: Option<(Rand, Auts)>,
) -> Result<Obtained, SourceFailure> {
    source.fetch(&IMPI.parse().unwrap(), resync).await
}

#[tokio::test]
async fn takes_the_first_vector_and_the_guss() {
    let guss = b"<guss id='x'><bsfInfo><uiccType>GBA_U</uiccType></bsfInfo></guss>";
    let (source, canned) = source(maa(success(Some(IMPI), Some(guss))));
    let got = ask(&source, None).await.unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(got.vector.rand, Rand::from([7; 16]));
    assert!(got.guss.is_some_and(|g| g.bsf_info.uicc_type.is_some()));
    let resync = (Rand::from([9; 16]), Auts::try_from(&[6; 14][..]).unwrap());
    assert!(ask(&source, Some(resync)).await.is_ok());
    let seen: Vec<_> = canned
        .seen
        .lock()
        .unwrap()
        .iter()
        .map(|m| MultimediaAuthRequest::parse(m).unwrap())
        .collect();
    assert_eq!((seen[0].impi.as_str(), seen[0].resync), (IMPI, None));
    assert_eq!(seen[0].scheme, Some(Scheme::DigestAkaV1Md5));
    assert_eq!(seen[1].resync, Some(resync));
    assert_ne!(seen[0].session_id, seen[1].session_id);
}

//= TS29.109-4.2-r10
#[tokio::test]
async fn refuses_what_cannot_be_used() {
    let other = success(Some("other@ims.example.org"), None);
    let dtd = success(None, Some(b"<!DOCTYPE guss []><guss/>"));
    let MultimediaAuthAnswer::Ok(mut none) = success(None, None) else {
        return;
    };
    none.vectors.clear();
    for answer in [other, dtd, MultimediaAuthAnswer::Ok(none)] {
        let (source, _) = source(maa(answer));
        assert_eq!(ask(&source, None).await.err(), Some(SourceFailure::Broken));
    }
    let (source, _) = source(maa(success(None, None)));
    assert!(
        ask(&source, None).await.is_ok(),
        "an MAA needs neither User-Name nor GUSS"
    );
}

//= TS29.109-4.2-r8
//= TS29.109-4.2-r9
#[tokio::test]
async fn results_have_their_meanings() {
    use SourceFailure as F;
    let cx = ResultCode::Experimental {
        vendor: TGPP,
        code: 5001,
    };
    for (result, first, resync) in [
        (ResultCode::IDENTITY_UNKNOWN, F::UnknownImpi, F::UnknownImpi),
        (cx, F::UnknownImpi, F::UnknownImpi),
        (ResultCode::UNABLE_TO_COMPLY, F::Broken, F::BadAuts),
        (ResultCode::UNABLE_TO_DELIVER, F::Down, F::Down),
        (ResultCode::TOO_BUSY, F::Down, F::Down),
        (ResultCode::MISSING_AVP, F::Broken, F::Broken),
    ] {
        let (source, _) = source(maa(MultimediaAuthAnswer::Err(Failure::new(result))));
        assert_eq!(ask(&source, None).await.err(), Some(first), "{result}");
        let auts = Auts::try_from(&[6; 14][..]).unwrap();
        assert_eq!(
            ask(&source, Some(([1; 16].into(), auts))).await.err(),
            Some(resync),
            "{result}"
        );
    }
    let (source, _) = source(|_| Err(Error::Closed));
    assert_eq!(ask(&source, None).await.err(), Some(F::Down));
}

#[tokio::test]
async fn sources_of_one_node_ask_under_different_session_ids() {
    let ids = Arc::new(SessionIds::new("bsf.home.test".parse().unwrap(), 1));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..2 {
        let (source, canned) = source(maa(success(None, None)));
        let source = source.with_session_ids(Arc::clone(&ids));
        for _ in 0..2 {
            assert!(ask(&source, None).await.is_ok());
        }
        let requests = std::mem::take(&mut *canned.seen.lock().unwrap());
        let asked = requests.iter().map(MultimediaAuthRequest::parse);
        seen.extend(asked.map(|request| request.unwrap().session_id));
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}
