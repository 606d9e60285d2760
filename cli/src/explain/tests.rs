//! Arbitrary input never panics, and without `--show-secrets` no secret is in what is printed.

use base::hex;
use proptest::prelude::*;

use super::*;

fn whole(input: &[u8], secrets: bool) -> String {
    whole_of(input, secrets, true)
}

fn whole_of(input: &[u8], secrets: bool, open: bool) -> String {
    let report = explain(input, None, open);
    let mut out = Vec::new();
    report.print(&mut out, secrets).unwrap();
    let text = String::from_utf8(out).unwrap();
    format!("{text}{}{}", report.json(secrets), report.refusal())
}

proptest! {
    #[test]
    fn any_octets_are_explained_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        for secrets in [false, true] {
            let _ = whole(&octets, secrets);
            let _ = whole(hex::encode(&octets).as_bytes(), secrets);
            let _ = whole(BASE64_STANDARD.encode(&octets).as_bytes(), secrets);
        }
    }

    #[test]
    fn any_text_is_explained_or_refused(text in "\\PC{0,200}") {
        let _ = whole(text.as_bytes(), true);
    }

    /// Texts that are nearly something.
    #[test]
    fn nearly_anything_is_explained_or_refused(
        text in "(WWW-Authenticate: |Authorization: |Authentication-Info: |)(Digest |)((realm|nonce|username|response|auts|qop|nc|rspauth)=\"?[A-Za-z0-9+/=@.;-]{0,40}\"?,? ?){0,8}",
        xml in "(<\\?xml \\?>|)<(gba:|)(guss|ussList|BootstrappingInfo)[a-z =\"<>/:]{0,60}",
        name in "(3GPP-bootstrapping(;|@)|)[A-Za-z0-9+/=]{0,30}@?[a-z.]{0,30};?",
    ) {
        for text in [text, xml, name] {
            let _ = whole(text.as_bytes(), false);
        }
    }

    /// Structured like what a card or a network sends, so that the decoders get beyond the first octets.
    #[test]
    fn nearly_any_message_is_explained_or_refused(
        head in prop::sample::select(vec![
            "0088008122", "0088008422dd10", "0088008420de", "db08", "db20", "dc0e", "01000040c000012f01000000", "10",
        ]),
        tail in proptest::collection::vec(any::<u8>(), 0..120),
        sw in prop::sample::select(vec!["", "9000", "9862", "6110"]),
    ) {
        let text = format!("{head}{}{sw}", hex::encode(&tail));
        for secrets in [false, true] {
            let _ = whole(text.as_bytes(), secrets);
        }
    }

    /// A card's answer and a PIN: the canary is shown only where it is asked for.
    #[test]
    fn secrets_are_lengths_unless_asked_for(res in any::<[u8; 8]>(), ck in any::<[u8; 16]>(), ik in any::<[u8; 16]>()) {
        // One in a hundred has a fifth octet that makes a command of it, with the length of its data right.
        prop_assume!(!matches!(ck[4], 12 | 13));
        let (res, ck, ik) = (hex::encode(res), hex::encode(ck), hex::encode(ik));
        let blobs = [
            (format!("db08{res}10{ck}10{ik}9000"), vec![&res, &ck, &ik]),
            (format!("db20{ck}{ik}9000"), vec![&ck, &ik]),
            (format!("0020000108{res}"), vec![&res]),
            (format!("{ck}9000"), vec![&ck]),
        ];
        for (blob, canaries) in blobs {
            let (hidden, shown) = (whole(blob.as_bytes(), false), whole(blob.as_bytes(), true));
            for canary in canaries {
                prop_assert!(!hidden.contains(canary.as_str()), "{} in {}", canary, hidden);
                prop_assert!(shown.contains(canary.as_str()), "no {} in {}", canary, shown);
            }
        }
    }

    /// A key file looks like a RAND, an AUTN or a nonce; its octets are not shown for that.
    #[test]
    fn a_file_with_a_key_is_not_printed(k in any::<[u8; 16]>(), top in any::<[u8; 32]>()) {
        // One in 32768 has the AMF of a network, and then looks like what a network sends.
        prop_assume!(k[6] & 0x7f != 0 && top[22] & 0x7f != 0);
        // One in a hundred has the length of its data in its fifth octet, and then reads as a command.
        prop_assume!(!matches!(k[4], 10 | 11) && !matches!(top[4], 26 | 27));
        let base64 = BASE64_STANDARD.encode(top);
        let (k, top) = (hex::encode(k), hex::encode(top));
        for (blob, canary) in [(&k, &k), (&top, &top), (&base64, &top)] {
            let hidden = whole_of(blob.as_bytes(), false, false);
            for part in [&canary[..12], &canary[16..32]] {
                prop_assert!(!hidden.contains(part), "{} in {}", part, hidden);
            }
        }
    }
}
