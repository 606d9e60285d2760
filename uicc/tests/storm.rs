//! A storm of APDUs on all channels: a status word of the table each time, no key in any answer, and a state that can
//! be kept and comes back the same.
//!
//! The suite sends a slice in a debug build and, with its measured gates, 10⁷ in a release build:
//! `GBA_STORM=10000000 cargo test --profile bench -p gba-uicc --test storm`.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use aka::{Algorithm, Amf, Milenage, Rand, Sqn, gba_u::mac_star, sqn::SqnProfile};
use base::{Entropy, Secret, SeededEntropy, hex};
use gba::ids::MncLength;
use uicc::{
    Pin, Sw,
    software::{Change, Profile, SoftCard},
};

/// APDUs that one card gets before its state is looked at and another one takes its place.
const LIFE: u64 = 5_000;
const K: [u8; 16] = [0x46; 16];
const OPC: [u8; 16] = [0xcd; 16];
const RAND: [u8; 16] = [0x23; 16];

fn algorithm() -> Milenage {
    Milenage::new(&Secret::new(K), &Secret::new(OPC))
}

/// Repeats from its seed.
struct Random(SeededEntropy);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        usize::from(u16::from_be_bytes(self.0.array().unwrap())) % n
    }

    fn octet(&mut self) -> u8 {
        self.0.array::<1>().unwrap()[0]
    }
}

fn card(seed: u64) -> SoftCard {
    let profile = Profile {
        pin: Some(Pin::from_digits("1234").unwrap()),
        adm: Some(Pin::from_digits("88888888").unwrap()),
        t0: seed & 1 == 1,
        gsm: seed & 2 == 2,
        ..Profile::new("001010123456789".parse().unwrap(), MncLength::Two, algorithm())
    };
    SoftCard::new(profile.with_gba_u().with_isim()).with_entropy(Box::new(SeededEntropy::new(seed)))
}

/// Commands that get somewhere; most of a storm are these, some of them with an octet changed.
fn commands() -> Vec<Vec<u8>> {
    let rand = Rand::from(RAND);
    let mut all: Vec<String> = [
        "00a4000c023f00",
        "00a40004022f0000",
        "00a4000c026f07",
        "00a4000c026fd6",
        "00a4000c026fda",
        "00a4080c047fff6fad",
        "00a4040c07a0000000871002",
        "00a4040c07a0000000871004",
        "00a4044c07a0000000871002",
        "00a4040e05a000000087",
        "00a4030c",
        "80f2000000",
        "80f2010c",
        "00b0000000",
        "00b0870009",
        "00b2010400",
        "00b2000200",
        "00d6001109040102030402050607",
        "00dc01040101",
        "00a201040161",
        "803200000101",
        "80cb00800181",
        "80db008003810105",
        "00200001",
        "002000010831323334ffffffff",
        "002000010839393939ffffffff",
        "0020000a083838383838383838",
        "002400011031323334ffffffff31323334ffffffff",
        "002600010831323334ffffffff",
        "002800010831323334ffffffff",
        "00e00000166214820241218302 2f208a01058b032f060280020003",
        "00e0000011620f820278218302 7f208a01058b032f0601",
        "00e0000018 6216 82027921 83022f21 8a0105 8b032f0602 a504 86020040 8801e8",
        "00e40000022f20",
        "00e40000027f20",
        "80d400000a620883022f2080020020",
        "00040000022f20",
        "00440000022f20",
        "00e80000022f20",
        "00e60000027f20",
        "0070000001",
        "00708001",
        "00708002",
        "0084000008",
        "80aa000002a900",
        "00c0000000",
        "8010000002ffff",
        "8012000000",
        "80c2000002d600",
    ]
    .iter()
    .map(|c| c.replace(' ', ""))
    .collect();
    for seq in 1..6 {
        let sqn = Sqn::from_parts(seq, 0, SqnProfile::default().ind_bits).unwrap();
        let vector = algorithm().vector(&rand, sqn, Amf::from([0, 0]));
        let star = mac_star(&vector.autn, &vector.ik);
        all.push(format!("0088008423dd10{rand}10{star}00"));
    }
    let naf = hex::encode(b"naf.example.org\x01\0\0\0\x02");
    all.push(format!("0088008419de14{naf}0361406200"));
    all.iter().map(|c| hex::decode(c).unwrap()).collect()
}

/// What a card keeps, told without secrets; only equality matters.
fn told(card: &SoftCard) -> Vec<String> {
    let mut all: Vec<_> = card
        .snapshot()
        .iter()
        .map(|c| match c {
            Change::File(spec) => format!("{spec:?}"),
            Change::Key(k) => format!("{:?} {} {}", c.item(), k.tries, k.enabled),
            Change::Sqn(_, seq) => format!("{:?} {seq:?}", c.item()),
            Change::Gba(_, g) => format!("{:?} {}", c.item(), g.clock),
            other => format!("{:?}", other.item()),
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn row_54_a_storm_of_apdus_leaves_every_card_consistent() {
    let many: u64 = std::env::var("GBA_STORM").map_or(30_000, |n| n.parse().unwrap());
    let known = commands();
    let f = algorithm().f2345(&Rand::from(RAND));
    let secrets = [&K, &OPC, f.ck.expose(), f.ik.expose()];
    let mut random = Random(SeededEntropy::new(1));
    let mut done = 0_u64;
    for life in 0..many.div_ceil(LIFE) {
        let mut card = card(life);
        for _ in 0..LIFE {
            let mut apdu = known[random.below(known.len())].clone();
            // Channels 0 to 3 mostly, which commands open and close; sometimes any.
            match random.below(16) {
                0 => apdu[0] = random.octet(),
                1..=8 => apdu[0] |= random.octet() & 3,
                _ => {}
            }
            if random.below(4) == 0 {
                let at = random.below(apdu.len());
                apdu[at] = random.octet();
            }
            // The card's end would end the storm.
            if apdu[1] == 0xfe {
                continue;
            }
            let answer = card.exchange(&apdu);
            let (data, word) = answer.split_last_chunk::<2>().unwrap();
            let sw = Sw(u16::from_be_bytes(*word));
            let ranges = matches!(sw.sw1(), 0x61 | 0x6c | 0x91) || sw.tries_left().is_some();
            assert!(ranges || Sw::TABLE.contains(&sw), "{sw}");
            assert!(data.len() <= 256);
            for secret in secrets {
                assert!(!data.windows(16).any(|w| w == secret), "a key has left the card");
            }
            done += u64::from(matches!(sw.sw1(), 0x90 | 0x91 | 0x61));
        }
        let kept = card.snapshot();
        let mut again = self::card(life);
        again.apply(&kept).unwrap();
        assert_eq!(told(&again), told(&card), "life {life}");
        card.reset();
        assert_eq!(card.exchange(&[0, 0xa4, 0, 0x0c, 2, 0x3f, 0]), [0x90, 0]);
    }
    assert!(done > many / 10, "of {many} only {done} got somewhere");
}
