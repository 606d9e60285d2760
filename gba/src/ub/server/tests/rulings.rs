//! The rulings about Ub, each a test.

use super::*;

#[test]
fn ruling_06_an_unanswered_challenge_is_repeated_for_two_seconds_to_its_address() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    shell.pass(Duration::from_millis(1999));
    let again = shell.ask(&first());
    assert_eq!(again.outcome, Outcome::Repeated);
    assert_eq!(challenge_in(&again), c);
    let other = shell.ask_from("192.0.2.2", "GET", Some(&first()));
    assert_ne!(challenge_in(&other).nonce, c.nonce, "another address");
    shell.pass(Duration::from_millis(1));
    assert_ne!(shell.challenge().nonce, c.nonce, "two seconds later");
    assert_eq!(shell.asked_hss, 3);
    assert_eq!(shell.ask(&answer(&c)).status, 200, "the first one is still live");
}

#[test]
fn ruling_06_vectors_come_from_a_bucket() {
    let mut shell = Shell::new();
    for _ in 0..3 {
        assert_eq!(shell.ask(&first()).outcome, Outcome::Challenged);
        shell.pass(Duration::from_secs(2));
    }
    let a = shell.ask(&first());
    assert_eq!((a.status, a.outcome), (429, Outcome::TooMany));
    assert_eq!(a.header("Retry-After"), Some("4"));
    shell.pass(Duration::from_secs(4));
    assert_eq!(shell.ask(&first()).outcome, Outcome::Challenged);
    assert_eq!(shell.asked_hss, 4);
}

#[test]
fn ruling_06_a_resynchronisation_waits_for_no_token() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    let rate = shell.config.per_impi;
    while shell.bucket.wait(rate, shell.now.mono).is_zero() {
        shell.bucket.take(rate, shell.now.mono);
    }
    assert_eq!(shell.ask(&first()).outcome, Outcome::Repeated);
    shell.pass(Duration::from_secs(2));
    assert_eq!(shell.ask(&first()).status, 429);
    assert_eq!(
        shell.ask(&auts_for(&c).to_string()).outcome,
        Outcome::Resynchronised
    );
}

#[test]
fn ruling_06_an_answered_challenge_is_never_sent_or_accepted_again() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    assert_eq!(shell.ask(&answer(&c)).status, 200);
    let replay = shell.ask(&answer(&c));
    assert_eq!(replay.outcome, Outcome::Challenged);
    let fresh = challenge_in(&replay);
    assert!(fresh.nonce != c.nonce && fresh.stale);
    assert_eq!(shell.sessions.len(), 1);
}

#[test]
fn ruling_06_a_wrong_response_closes_only_its_own_nonce() {
    let mut shell = Shell::new();
    let victims = shell.challenge();
    let strangers = challenge_in(&shell.ask_from("198.51.100.7", "GET", Some(&first())));
    let wrong = credentials(&strangers, b"guess").to_string();
    let a = shell.ask_from("198.51.100.7", "GET", Some(&wrong));
    assert_eq!((a.status, a.outcome), (401, Outcome::WrongResponse));
    assert_ne!(challenge_in(&a).nonce, strangers.nonce);
    let again = shell.ask_from("198.51.100.7", "GET", Some(&answer(&strangers)));
    assert_ne!(again.status, 200, "closed, even for the right response");
    assert_eq!(
        shell.ask(&answer(&victims)).status,
        200,
        "the victim isn't locked out"
    );
}

//= TS24.109-4.3-r1
#[test]
fn ruling_06_the_third_wrong_response_on_a_connection_is_refused() {
    let mut shell = Shell::new();
    let mut c = shell.challenge();
    for _ in 0..2 {
        c = challenge_in(&shell.ask(&credentials(&c, b"guess").to_string()));
    }
    let a = shell.ask(&credentials(&c, b"guess").to_string());
    assert_eq!((a.status, a.outcome), (403, Outcome::RefusedAfterWrong));
    assert_eq!((shell.strikes, shell.asked_hss), (3, 3));
    // Never a lock on the IMPI: another connection, and another minute, succeed.
    shell.strikes = 0;
    shell.pass(Duration::from_secs(60));
    let c = shell.challenge();
    assert_eq!(shell.ask(&answer(&c)).status, 200);
}

//= TS24.109-4.3-r3
#[test]
fn ruling_07_a_report_of_a_bad_mac_costs_no_vector() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    let report = format!(
        r#"Digest username="{IMPI}", realm="{BSF}", nonce="{}", uri="/", response="""#,
        c.nonce
    );
    let a = shell.ask(&report);
    assert_eq!((a.status, a.outcome), (403, Outcome::MacFailureReported));
    assert!(a.note.is_some() && shell.open.is_empty());
    assert_eq!(shell.asked_hss, 1);
    assert_ne!(shell.ask(&answer(&c)).status, 200, "the challenge is gone");
}

#[test]
fn ruling_09_a_repeated_rand_never_names_a_second_ks() {
    let mut replies = [0_u8, 0, 0, 1, 1, 1, 1].into_iter();
    let mut shell = Shell::with_source(Box::new(move |_| {
        let rand = [replies.next().unwrap_or(9); 16];
        Ok(Obtained {
            vector: vector(rand),
            guss: None,
        })
    }));
    shell.config.per_impi = Rate::UNLIMITED;
    let c = shell.challenge();
    assert_eq!(shell.ask(&answer(&c)).status, 200);
    let fresh = shell.challenge();
    assert_eq!(shell.asked_hss, 3 + 1, "the repeated RAND was asked for again");
    assert_ne!(fresh.nonce, c.nonce);
    let a = shell.ask_from("192.0.2.9", "GET", Some(&first()));
    assert_eq!((a.status, a.outcome), (503, Outcome::RandRepeated));
    assert!(a.note.is_some_and(|n| n.starts_with("alarm")) && shell.sessions.len() == 1);
}

//= TS33.220-4.5.2-r8
#[test]
fn ruling_09_an_unknown_impi_can_be_hidden() {
    let mut shell = Shell::with_source(Box::new(|_| Err(SourceFailure::UnknownImpi)));
    let a = shell.ask(&first());
    assert_eq!((a.status, a.outcome), (403, Outcome::UnknownImpi));
    shell.config.hide_unknown = true;
    shell.bucket = Bucket::default();
    let shown = shell.ask(&first());
    let c = challenge_in(&shown);
    let real = Shell::new().ask(&first());
    assert_eq!(shown.summary().len(), real.summary().len());
    assert_eq!(
        shown.header("WWW-Authenticate").map(str::len),
        real.header("WWW-Authenticate").map(str::len)
    );
    assert_eq!(
        challenge_in(&shell.ask(&first())),
        c,
        "stable, by the same rule as a real one"
    );
    assert_eq!(shell.asked_hss, 2);
    // Not even the XRES in the store meets it.
    let xres = shell.open[0].xres.duplicate();
    let a = shell.ask(&credentials(&c, xres.expose()).to_string());
    assert_eq!(a.outcome, Outcome::WrongResponse);
    let mut auts = credentials(&challenge_in(&a), b"");
    auts.auts = Some("uoU/PBI8z0TpNZbjVcY=".into());
    sign(&mut auts, b"");
    assert_eq!(shell.ask(&auts.to_string()).outcome, Outcome::BadAuts);
}

//= TS33.220-4.5.2-r5
//= TS33.220-5.3.2-r1
//= TS33.220-5.3.2-r2
#[test]
fn ruling_12_gba_u_has_its_own_autn_and_res() {
    let mut shell = Shell::with_guss(Some(gba_u_guss()));
    let a = shell.ask(&first());
    let c = challenge_in(&a);
    assert!(
        a.note.is_some_and(|n| n.contains("disagree")),
        "the User-Agent shows GBA_ME"
    );
    let v = vector(hex!("23553cbe9637a89d218ae64dae47bf35"));
    let star = gba_u::mac_star(&v.autn, &v.ik);
    assert!(star != v.autn && shell.open[0].nonce == nonce_of(&v.rand, &star).into());
    let a = shell.ask(&answer(&c));
    assert_eq!(a.outcome, Outcome::WrongResponse, "a 3G AKA RES is no GBA_U RES");
    let c = challenge_in(&a);
    let flipped = Res::new(res(&c).expose()).unwrap().flipped_lsb();
    let a = shell.ask(&credentials(&c, flipped.expose()).to_string());
    assert_eq!((a.status, shell.sessions[0].mode), (200, Mode::U));
    assert_eq!(
        BootstrappingInfo::parse(&a.body).map(|i| i.lifetime),
        Ok(shell.now.utc.plus_secs(120)),
        "the GUSS's lifetime"
    );
}

//= TS33.220-4.5.2-r4
#[test]
fn ruling_37_lifetimes_are_clamped_and_end_on_either_clock() {
    for (told, got) in [(0, 1), (u32::MAX, 30 * 24 * 3600), (77, 77)] {
        let mut guss = gba_u_guss();
        guss.bsf_info = BsfInfo {
            uicc_type: None,
            lifetime: Some(told),
        };
        let mut shell = Shell::with_guss(Some(guss));
        let c = shell.challenge();
        shell.ask(&answer(&c));
        let session = &shell.sessions[0];
        assert_eq!(session.expiry, shell.now.utc.plus_secs(got));
        let later = shell.now + Duration::from_secs(got.into());
        assert!(!session.is_over(shell.now) && session.is_over(later));
        let set_back = Now {
            utc: shell.now.utc,
            mono: later.mono,
        };
        assert!(session.is_over(set_back), "a clock set back revives nothing");
    }
}
