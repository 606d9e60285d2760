//! The ordinary ways, and what nobody may do.

use super::*;

//= TS33.220-4.5.2-r1
//= TS33.220-4.5.2-r2
//= TS33.220-4.5.2-r4
//= TS24.109-A.3-r2
//= TS24.109-A.3-r5
//= TS24.109-C.1-r1
//= RFC3310-3.1-r1
#[test]
fn the_reference_run_succeeds_and_the_bsf_proves_itself() {
    let mut shell = Shell::new();
    let a = shell.ask(&first());
    assert_eq!(a.summary(), "401 challenge: RAND 23553c…, AKAv1-MD5, auth-int");
    let c = challenge_in(&a);
    assert_eq!(c.nonce, "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=");
    assert_eq!(
        (c.realm.as_str(), c.algorithm, &c.qop[..]),
        (BSF, Algorithm::AkaV1Md5, &[Qop::AuthInt][..])
    );
    let sent = credentials(&c, &hex!("a54211d5e3ba50bf"));
    assert_eq!(sent.response, "6a19067d3962eac8503c6e8e314706e1");
    let a = shell.ask(&sent.to_string());
    assert_eq!((a.status, a.outcome), (200, Outcome::Bootstrapped));
    assert_eq!(a.header("Content-Type"), Some("application/vnd.3gpp.bsf+xml"));
    let info = BootstrappingInfo::parse(&a.body).unwrap();
    assert_eq!(info.btid.as_str(), format!("I1U8vpY3qJ0hiuZNrke/NQ==@{BSF}"));
    assert_eq!(info.lifetime, shell.now.utc.plus_secs(3600));
    let proof = AuthenticationInfo::parse(a.header("Authentication-Info").unwrap()).unwrap();
    let ha1 = sent.ha1(Algorithm::AkaV1Md5, &hex!("a54211d5e3ba50bf"));
    assert_eq!(
        proof.rspauth,
        Some(sent.rspauth(&ha1, Algorithm::AkaV1Md5, &a.body))
    );
    assert_eq!(
        (proof.qop, proof.nc.as_deref()),
        (Some(Qop::AuthInt), Some("00000001"))
    );
    let session = &shell.sessions[0];
    assert_eq!((&session.btid, session.mode), (&info.btid, Mode::Me));
    let ks = hex!("b40ba9a3c58b2a05bbf0d987b21bf8cbf769bcd751044604127672711c6d3441");
    assert_eq!(session.ks.expose(), &ks);
    assert!(a.summary().chars().count() <= 70, "{}", a.summary());
}

#[test]
fn gba_u_forms_can_be_switched() {
    let mut shell = Shell::with_guss(Some(gba_u_guss()));
    shell.config.gba_u_mac = MacForm::Plain;
    shell.config.gba_u_res = ResForm::Plain;
    let c = shell.challenge();
    assert_eq!(c.nonce, "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=");
    assert_eq!(shell.ask(&answer(&c)).status, 200);
    shell.config.gba_u_res = ResForm::Either;
    shell.pass(Duration::from_secs(60));
    let c = shell.challenge();
    let a = shell.ask(&answer(&c));
    assert_eq!(
        (a.status, a.note.as_deref()),
        (200, Some("the card sent RES plain"))
    );
}

//= TS24.109-A.4-r2
#[test]
fn auts_brings_a_fresh_challenge_with_its_rand_told_to_the_hss() {
    let mut n = 0;
    let mut shell = Shell::with_source(Box::new(move |fetch| {
        n += 1;
        if n == 2 {
            let (rand, auts): (Rand, Auts) = fetch.resync.expect("resync");
            assert_eq!(rand, Rand::from([1; 16]));
            assert_eq!(auts.to_string(), "ba853f3c123ccf44e93596e355c6");
        } else {
            assert_eq!(fetch.resync, None);
        }
        Ok(Obtained {
            vector: vector([n; 16]),
            guss: None,
        })
    }));
    let c = shell.challenge();
    let a = shell.ask(&auts_for(&c).to_string());
    assert_eq!((a.status, a.outcome), (401, Outcome::Resynchronised));
    let fresh = challenge_in(&a);
    assert_eq!(shell.ask(&answer(&fresh)).status, 200);
    assert_ne!(
        shell.ask(&answer(&c)).status,
        200,
        "the first challenge was used up by the AUTS"
    );
}

//= TS24.109-4.3-r2
#[test]
fn auts_without_a_right_digest_or_mac_is_refused() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    let mut forged = auts_for(&c);
    sign(&mut forged, res(&c).expose());
    assert_eq!(shell.ask(&forged.to_string()).outcome, Outcome::WrongResponse);
    let mut shell = Shell::new();
    let c = shell.challenge();
    let malformed = Credentials {
        auts: Some("AAAA".into()),
        ..auts_for(&c)
    };
    assert_eq!(shell.ask(&malformed.to_string()).status, 400);
    let mut n = 0;
    let mut shell = Shell::with_source(Box::new(move |_| {
        n += 1;
        if n == 1 {
            Ok(Obtained {
                vector: vector([1; 16]),
                guss: None,
            })
        } else {
            Err(SourceFailure::BadAuts)
        }
    }));
    let c = shell.challenge();
    let a = shell.ask(&auts_for(&c).to_string());
    assert_eq!((a.status, a.outcome), (403, Outcome::BadAuts));
}

#[test]
fn a_silent_hss_is_503_with_retry_after() {
    for failure in [SourceFailure::Down, SourceFailure::Broken] {
        let mut shell = Shell::with_source(Box::new(move |_| Err(failure)));
        let a = shell.ask(&first());
        assert_eq!((a.status, a.outcome), (503, Outcome::SourceDown));
        let after: u32 = a.header("Retry-After").unwrap().parse().unwrap();
        assert!((5..10).contains(&after), "{after}");
        assert!(String::from_utf8(a.body).unwrap().contains("HSS"));
    }
}

//= TS24.109-4.3-r4
#[test]
fn an_expired_challenge_is_replaced() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    shell.pass(Duration::from_secs(60));
    let a = shell.ask(&answer(&c));
    assert_eq!(a.outcome, Outcome::Challenged);
    assert!(challenge_in(&a).stale);
}

#[test]
fn broken_requests_use_up_no_challenge() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    let good = credentials(&c, res(&c).expose());
    let other = |change: fn(&mut Credentials)| {
        let mut c = good.clone();
        change(&mut c);
        c.to_string()
    };
    for (bad, why) in [
        (other(|c| c.algorithm = Some(Algorithm::Md5)), "algorithm"),
        (other(|c| c.realm = "other.example".into()), "realm"),
        (other(|c| c.uri = "/other".into()), "uri"),
        (other(|c| c.nc = Some("00000002".into())), "nc"),
        (other(|c| c.cnonce = None), "cnonce"),
        ("Basic eDp5".into(), "Digest"),
        ("Digest username=\"no domain\"".into(), "IMPI"),
    ] {
        let a = shell.ask(&bad);
        assert_eq!((a.status, a.outcome), (400, Outcome::Malformed), "{why}");
        assert!(String::from_utf8(a.body).unwrap().contains(why), "{why}");
    }
    assert_eq!(shell.ask_from(HOME, "GET", None).status, 400);
    let a = shell.ask_from(HOME, "POST", Some(&first()));
    assert_eq!((a.status, a.header("Allow")), (405, Some("GET")));
    assert_eq!(shell.ask(&good.to_string()).status, 200);
}

#[test]
fn only_auth_int_and_our_opaque_are_right() {
    let mut shell = Shell::new();
    shell.config.per_impi = Rate::UNLIMITED;
    let change: [fn(&mut Credentials); 2] = [|c| c.qop = Some(Qop::Auth), |c| c.opaque = Some("x".into())];
    for change in change {
        let c = shell.challenge();
        let mut sent = credentials(&c, b"");
        change(&mut sent);
        sign(&mut sent, res(&c).expose());
        assert_eq!(shell.ask(&sent.to_string()).outcome, Outcome::WrongResponse);
    }
    let c = shell.challenge();
    let sent = Credentials {
        opaque: None,
        algorithm: None,
        ..credentials(&c, res(&c).expose())
    };
    assert_eq!(
        shell.ask(&sent.to_string()).status,
        200,
        "a UE may leave opaque out"
    );
}

#[test]
fn another_impi_cannot_answer_or_close_a_challenge() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    let mut thief = credentials(&c, b"");
    thief.username = "thief@ims.mnc001.mcc123.3gppnetwork.org".into();
    sign(&mut thief, res(&c).expose());
    assert_eq!(shell.ask(&thief.to_string()).outcome, Outcome::Challenged);
    assert_eq!(shell.ask(&answer(&c)).status, 200);
}

proptest! {
    #[test]
    fn any_authorization_gets_an_answer(
        text in "Digest (username|nonce|response|auts|qop|nc|,|=|\"|[a-z@/]{1,3}| ){0,30}", method in "GET|PUT",
    ) {
        let mut shell = Shell::new();
        let a = shell.ask_from(HOME, &method, Some(&text));
        prop_assert!(a.status != 200 && a.status >= 400);
        prop_assert!(a.summary().chars().count() <= 70);
    }

    //= TS24.109-4.3-r1
    #[test]
    fn a_response_that_is_not_right_never_succeeds(guess in proptest::collection::vec(any::<u8>(), 0..17)) {
        let mut shell = Shell::new();
        let c = shell.challenge();
        prop_assume!(guess != res(&c).expose());
        prop_assert_eq!(shell.ask(&credentials(&c, &guess).to_string()).outcome, Outcome::WrongResponse);
        prop_assert!(shell.sessions.is_empty());
    }

    #[test]
    fn the_impi_in_a_challenge_is_the_one_that_asked(user in "[a-z0-9]{1,12}") {
        let impi: Impi = format!("{user}@ims.example.org").parse().unwrap();
        let mut shell = Shell::new();
        shell.ask(&format!(r#"Digest username="{impi}""#));
        prop_assert_eq!(&shell.open[0].impi, &impi);
    }
}
